#include "lbcore/orphans/raw_sender.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/result.h"
#include "lbcore/orphans/segment.h"

namespace hapair::lbcore::orphans {

namespace {

constexpr int kSendBytes = 4 << 20;  // neighbours that are not known yet hold packets back

/// Send only: a raw socket of protocol TCP would get a copy of all that arrives.
UniqueFd open_raw(int family) {
  UniqueFd fd(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd) return fd;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBytes, sizeof kSendBytes) != 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof kSendBytes);
  }
  return fd;
}

/// One message and all that it points to.
struct Message {
  std::vector<uint8_t> packet;
  sockaddr_storage to{};
  iovec part{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};

  void fill(const Ends& dead, msghdr& out, std::minstd_rand& random) {
    packet = challenge(dead, static_cast<uint32_t>(random()), static_cast<uint32_t>(random()));
    part = {.iov_base = packet.data(), .iov_len = packet.size()};
    // A raw socket takes the port of an IPv6 address for a protocol.
    const socklen_t size = Endpoint{dead.theirs.ip, 0}.to_sockaddr(to);
    out = {};
    out.msg_name = &to;
    out.msg_namelen = size;
    out.msg_iov = &part;
    out.msg_iovlen = 1;
    name_source(dead.ours.ip, out);
  }

  /// The header has it already: this is for routes that depend on it.
  void name_source(const IpAddress& source, msghdr& out) {
    const bool v4 = source.is_v4();
    in_pktinfo info4{};
    in6_pktinfo info6{};
    std::ranges::copy(source.bytes(), v4 ? reinterpret_cast<uint8_t*>(&info4.ipi_spec_dst)
                                         : reinterpret_cast<uint8_t*>(&info6.ipi6_addr));
    const size_t size = v4 ? sizeof info4 : sizeof info6;
    out.msg_control = control.data();
    out.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&out);
    header->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    header->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), v4 ? static_cast<const void*>(&info4) : &info6, size);
  }
};

bool no_room(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

}  // namespace

UniqueFd& RawSender::socket_for(int family) {
  UniqueFd& out = family == AF_INET ? v4_ : v6_;
  if (!out) out = open_raw(family);
  return out;
}

RawSender::Sent RawSender::challenge(std::span<const Ends> dead) {
  Sent out;
  if (dead.empty()) return out;
  const int family = dead.front().ours.ip.family();
  const UniqueFd& fd = socket_for(family);
  if (!fd) {
    out.trouble = system_error("raw socket").message;
    out.handled = out.failed = dead.size();
    return out;
  }
  const auto other =
      std::ranges::find_if(dead, [&](const Ends& each) { return each.ours.ip.family() != family; });
  const size_t count = std::min<size_t>(other - dead.begin(), kMost);
  std::minstd_rand random(std::random_device{}());
  std::array<Message, kMost> messages;
  std::array<mmsghdr, kMost> headers{};
  for (size_t i = 0; i < count; ++i) messages[i].fill(dead[i], headers[i].msg_hdr, random);
  while (out.handled < count) {
    const int sent = ::sendmmsg(fd.get(), headers.data() + out.handled,
                                static_cast<unsigned>(count - out.handled), MSG_DONTWAIT);
    if (sent > 0) {
      out.handled += static_cast<size_t>(sent);
      continue;
    }
    if (no_room(errno)) break;
    out.trouble = system_error("send to " + dead[out.handled].theirs.ip.to_string()).message;
    ++out.failed;
    ++out.handled;
  }
  return out;
}

}  // namespace hapair::lbcore::orphans
