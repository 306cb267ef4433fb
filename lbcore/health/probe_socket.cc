#include "lbcore/health/probe_socket.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace hapair::lbcore::health {

namespace {

/// EADDRNOTAVAIL has two causes: no free local port, which is our trouble, or no address to speak
/// from at all (IPv6 without one), and then clients cannot reach this server through us either. A
/// datagram socket tells them apart.
bool has_source_address(const Endpoint& server) {
  const UniqueFd fd(::socket(server.ip.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return true;
  sockaddr_storage address{};
  const socklen_t length = server.to_sockaddr(address);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
         errno != EADDRNOTAVAIL;
}

/// The port is chosen at connect(), so that one source serves many servers.
int bind_source(int fd, const IpAddress& source) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t length = Endpoint{source, 0}.to_sockaddr(address);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
}

}  // namespace

Endpoint probe_address(const Endpoint& server, const CheckSpec& spec) {
  return {server.ip, spec.port != 0 ? spec.port : server.port};
}

Opening open_probe_socket(const Endpoint& to, const CheckSpec& spec, int type, int protocol) {
  Opening out{
      .fd = UniqueFd(::socket(to.ip.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol))};
  if (!out.fd) {
    out.error = errno;
    if (is_environment(out.error, to)) out.own = reason(out.error);
    return out;
  }
  if (spec.source) {
    if (const int error = bind_source(out.fd.get(), *spec.source); error != 0) {
      out.error = error;
      out.own = fmt::format("source {}: {}", spec.source->to_string(), reason(error));
      return out;
    }
  }
  sockaddr_storage address{};
  const socklen_t length = to.to_sockaddr(address);
  if (::connect(out.fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return out;
  out.error = errno;
  if (out.error != EINPROGRESS && is_environment(out.error, to)) out.own = reason(out.error);
  return out;
}

bool is_environment(int error, const Endpoint& server) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:  // connect: no free local port
      return true;
    case EADDRNOTAVAIL:
      return has_source_address(server);
    default:
      return false;
  }
}

std::string reason(int error) {
  return std::system_category().message(error);
}

}  // namespace hapair::lbcore::health
