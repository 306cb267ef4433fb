#include "tools/pairadm/names.h"

#include <array>
#include <cstdlib>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hapair::pairadm {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<IpAddress> address_of(const std::string& host, bool ipv6) {
  addrinfo hints{};
  hints.ai_family = ipv6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  if (error != 0) return fail("no address of that name: {}", ::gai_strerror(error));
  const AddressList found(raw, &::freeaddrinfo);
  // IPv4 first, as in ipvsadm: a pair that has both says so with -6.
  const addrinfo* chosen = found.get();
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  sockaddr_storage storage{};
  std::copy_n(reinterpret_cast<const uint8_t*>(chosen->ai_addr), chosen->ai_addrlen,
              reinterpret_cast<uint8_t*>(&storage));
  return Endpoint::from_sockaddr(storage).ip;
}

Result<uint16_t> port_of(const std::string& service) {
  const servent* entry = ::getservbyname(service.c_str(), nullptr);
  if (entry == nullptr) return fail("{} is neither a port nor a service of /etc/services", service);
  return ntohs(static_cast<uint16_t>(entry->s_port));
}

std::string host_of(const IpAddress& ip) {
  sockaddr_storage storage{};
  const socklen_t length = Endpoint{.ip = ip, .port = 0}.to_sockaddr(storage);
  std::array<char, NI_MAXHOST> name{};
  const int error = ::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, name.data(),
                                  name.size(), nullptr, 0, NI_NAMEREQD);
  return error == 0 ? std::string(name.data()) : ip.to_string();
}

std::string service_of(uint16_t port, control::Protocol protocol) {
  const char* transport = protocol == control::PROTOCOL_UDP ? "udp" : "tcp";
  const servent* entry = ::getservbyport(htons(port), transport);
  return entry != nullptr ? std::string(entry->s_name) : std::to_string(port);
}

}  // namespace

std::string system_user() {
  if (const char* before_sudo = std::getenv("SUDO_USER")) return before_sudo;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", ::getuid());
}

Names system_names() {
  return {.address = address_of, .port = port_of, .host = host_of, .service = service_of};
}

}  // namespace hapair::pairadm
