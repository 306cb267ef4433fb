#include "lbcore/relay/socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace hapair::lbcore::relay {

namespace {

// The kernel cuts this to net.core.somaxconn.
constexpr int kBacklog = 65535;

// A client that vanished without a word is found after 10 + 5 minutes; without this, never. Servers
// keep the kernel's own times (two hours): there the checks know.
constexpr int kKeepIdleSeconds = 600;
constexpr int kKeepIntervalSeconds = 60;
constexpr int kKeepProbes = 5;

bool set_option(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/// Accepted sockets inherit these: for clients they cost nothing.
bool set_stream_options(int fd) {
  return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
         set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepProbes);
}

bool set_freebind(int fd, const Endpoint& endpoint) {
  if (endpoint.ip.is_v4()) return set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
  return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

bool set_transparent(int fd, int family) {
  return family == AF_INET ? set_option(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
                           : set_option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

bool bind_to(int fd, const Endpoint& endpoint) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

UniqueFd open_socket(int family, int type) {
  return UniqueFd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

UniqueFd stream_socket(int family) {
  return open_socket(family, SOCK_STREAM);
}

/// Many clients share one socket. Without the right to exceed it, the system's limit holds.
void enlarge_buffers(int fd) {
  constexpr int kBytes = 4 << 20;
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kBytes)) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kBytes);
  }
  if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kBytes)) {
    set_option(fd, SOL_SOCKET, SO_SNDBUF, kBytes);
  }
}

/// SO_REUSEPORT would join a group with any other process of the same user. A bind without it
/// fails as soon as somebody else listens.
Status check_free(const Endpoint& endpoint, int type, const std::string& attempt) {
  const UniqueFd fd = open_socket(endpoint.ip.family(), type);
  // For TCP this option overlooks connections of the past, for UDP it would overlook everybody.
  if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, type == SOCK_STREAM ? 1 : 0) ||
      !set_freebind(fd.get(), endpoint) || !bind_to(fd.get(), endpoint)) {
    return fail_system(attempt);
  }
  return {};
}

}  // namespace

Result<std::vector<UniqueFd>> open_listeners(const Endpoint& endpoint, size_t count, bool ours) {
  const std::string attempt = "listen on tcp " + endpoint.to_string();
  if (!ours) {
    if (auto free = check_free(endpoint, SOCK_STREAM, attempt); !free)
      return tl::unexpected(free.error());
  }
  std::vector<UniqueFd> sockets;
  for (size_t i = 0; i < count; ++i) {
    UniqueFd fd = stream_socket(endpoint.ip.family());
    if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) ||
        !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1) || !set_freebind(fd.get(), endpoint) ||
        !set_stream_options(fd.get()) || !bind_to(fd.get(), endpoint) ||
        ::listen(fd.get(), kBacklog) != 0) {
      return fail_system(attempt);
    }
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

Result<std::vector<UniqueFd>> open_datagram_listeners(const Endpoint& endpoint, size_t count,
                                                      bool ours) {
  const std::string attempt = "listen on udp " + endpoint.to_string();
  if (!ours) {
    if (auto free = check_free(endpoint, SOCK_DGRAM, attempt); !free) {
      return tl::unexpected(free.error());
    }
  }
  std::vector<UniqueFd> sockets;
  for (size_t i = 0; i < count; ++i) {
    UniqueFd fd = open_socket(endpoint.ip.family(), SOCK_DGRAM);
    if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1) ||
        !set_freebind(fd.get(), endpoint) || !bind_to(fd.get(), endpoint)) {
      return fail_system(attempt);
    }
    enlarge_buffers(fd.get());
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

tl::expected<UniqueFd, int> connect_datagrams(const Endpoint& server) {
  UniqueFd fd = open_socket(server.ip.family(), SOCK_DGRAM);
  if (!fd) return tl::unexpected(errno);
  sockaddr_storage address{};
  const socklen_t size = server.to_sockaddr(address);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return tl::unexpected(errno);
  }
  return fd;
}

UniqueFd duplicate(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

UniqueFd open_server_socket(int family) {
  return stream_socket(family);
}

// These options exist on every TCP socket: a failure could only be our bug, and costs nothing.

void speak_at_once(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
}

void send_at_once(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void keep_alive(int fd) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

UniqueFd open_transparent_socket(int family, const Endpoint& client, bool with_port) {
  if (client.ip.family() != family) {
    errno = EAFNOSUPPORT;
    return {};
  }
  UniqueFd fd = open_server_socket(family);
  if (!fd) return fd;
  if (!set_transparent(fd.get(), family)) return {};
  // One client's port may be connected through here to several servers.
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (with_port && bind_to(fd.get(), client)) return fd;
  if (with_port && errno != EADDRINUSE) return {};
  // The port is chosen by connect(), which knows the server.
  set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (!bind_to(fd.get(), Endpoint{client.ip, 0})) return {};
  return fd;
}

UniqueFd open_socket_from(const std::vector<IpAddress>& sources, int family, uint32_t choice) {
  const auto fits = [family](const IpAddress& source) { return source.family() == family; };
  const auto count = static_cast<uint32_t>(std::ranges::count_if(sources, fits));
  if (count == 0) {
    errno = EADDRNOTAVAIL;
    return {};
  }
  auto source = std::ranges::find_if(sources, fits);
  for (uint32_t skip = choice % count; skip > 0; --skip) {
    source = std::find_if(std::next(source), sources.end(), fits);
  }
  UniqueFd fd = open_server_socket(family);
  if (!fd) return fd;
  set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (!bind_to(fd.get(), Endpoint{*source, 0})) return {};
  return fd;
}

void set_client_options(int fd) {
  set_stream_options(fd);
}

void ignore_newcomers(int fd) {
  constexpr uint32_t kFlags = 13;  // where they are in the TCP header
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kAck = 0x10;
  std::array<sock_filter, 5> program{
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSyn | kAck),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

void admit_newcomers(int fd) {
  set_option(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}

std::set<IpAddress> own_addresses() {
  std::set<IpAddress> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    sockaddr_storage address{};
    std::memcpy(&address, each->ifa_addr,
                family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    out.insert(Endpoint::from_sockaddr(address).ip);
  }
  ::freeifaddrs(list);
  return out;
}

Status may_be_transparent() {
  const UniqueFd fd = stream_socket(AF_INET);
  if (!fd || !set_transparent(fd.get(), AF_INET)) {
    return fail_system("IP_TRANSPARENT, which needs CAP_NET_ADMIN");
  }
  return {};
}

bool cannot_speak_as_client(int error) {
  return error == EAFNOSUPPORT || error == EPERM || error == EADDRINUSE || error == EADDRNOTAVAIL;
}

bool exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void close_with_reset(UniqueFd fd) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

bool has_failed(int fd) {
  pollfd ask{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&ask, 1, 0) == 1 && (ask.revents & POLLERR) != 0;
}

int unacknowledged_bytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace hapair::lbcore::relay
