#include "vrrpd/pair_path/socket.h"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include "vrrpd/pair_path/message.h"

namespace hapair::vrrp {

namespace {

constexpr int kTrafficClass = 0xc0;  // internetwork control, as the advertisements
constexpr int kQueuePriority = 6;

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

}  // namespace

Result<PathSocket> PathSocket::open(const Endpoint& own, const Endpoint& peer) {
  const bool v4 = own.ip.is_v4();
  UniqueFd fd(::socket(own.ip.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_system("open the socket of the pair path");
  if (!(v4 ? set(fd.get(), IPPROTO_IP, IP_FREEBIND, int{1})
           : set(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, int{1}))) {
    return fail_system("prepare the socket of the pair path");
  }
  // The socket of a speaker that has just died may live as long as its last thread.
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, int{1});
  // Niceties.
  if (v4) {
    set(fd.get(), IPPROTO_IP, IP_TOS, kTrafficClass);
  } else {
    set(fd.get(), IPPROTO_IPV6, IPV6_TCLASS, kTrafficClass);
  }
  set(fd.get(), SOL_SOCKET, SO_PRIORITY, kQueuePriority);
  sockaddr_storage address{};
  const socklen_t length = own.to_sockaddr(address);
  const auto* bare = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the socket API's cast
  if (::bind(fd.get(), bare, length) != 0) {
    return fail_system("bind the pair path to " + own.to_string());
  }
  return PathSocket(std::move(fd), peer);
}

Status PathSocket::send(std::span<const uint8_t> datagram) const {
  sockaddr_storage address{};
  const socklen_t length = peer_.to_sockaddr(address);
  const auto* bare = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the socket API's cast
  if (::sendto(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL, bare, length) < 0) {
    return fail_system("send to " + peer_.to_string() + " on the pair path");
  }
  return {};
}

Status PathSocket::receive(
    int most, const std::function<void(std::span<const uint8_t>, const IpAddress&)>& handle) const {
  std::array<uint8_t, kMostPathBytes + 1> buffer;  // NOLINT: filled by recvfrom; one more: too long
  for (int i = 0; i < most; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* bare = reinterpret_cast<sockaddr*>(&from);  // NOLINT: the socket API's cast
    const ssize_t got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, bare, &length);
    if (got >= 0) {
      handle(std::span(buffer).first(static_cast<size_t>(got)), Endpoint::from_sockaddr(from).ip);
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return fail_system("receive on the pair path");
    }
  }
  return {};
}

}  // namespace hapair::vrrp
