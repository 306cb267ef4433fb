#include "vrrpd/kernel/adv_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr size_t kDatagramBytes = 8 + 16 * 255;  // longest message: IPv6, without its header
constexpr int kTrafficClass = 0xc0;              // internetwork control, as routing protocols use
constexpr int kQueuePriority = 6;  // TC_PRIO_INTERACTIVE: ahead of bulk traffic in the queue

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool attach(int fd, std::span<sock_filter> program) {
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()), .filter = program.data()};
  return set(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter);
}

/// Passes messages of one VRID: the second byte behind the IPv4 header; an IPv6 socket sees no
/// header. A message too short to have one is dropped.
bool hear_only(int fd, int family, uint8_t vrid) {
  std::array<sock_filter, 5> program{{
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),  // X = 4 * (header length in words)
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, vrid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  if (family == AF_INET6) program[0] = BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0);
  return attach(fd, program);
}

bool hear_nothing(int fd) {
  std::array<sock_filter, 1> program{{BPF_STMT(BPF_RET | BPF_K, 0)}};
  return attach(fd, program);
}

bool prepare_v4(int fd) {
  const int ttl = kTtl;
  return set(fd, IPPROTO_IP, IP_TTL, ttl) && set(fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) &&
         set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, int{0}) &&
         set(fd, IPPROTO_IP, IP_TOS, kTrafficClass);
}

bool prepare_v6(int fd) {
  const int hops = kTtl;
  const int on = 1;
  return set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops) &&
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) &&
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, int{0}) &&
         set(fd, IPPROTO_IPV6, IPV6_TCLASS, kTrafficClass) &&
         set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on) &&
         set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, on) &&
         // A virtual MAC's interface sends from the address of the one below it.
         set(fd, IPPROTO_IPV6, IPV6_FREEBIND, on);
}

Result<UniqueFd> raw_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kIpProtocol));
  if (!fd) return fail_system("open a raw socket for VRRP");
  if (!(family == AF_INET6 ? prepare_v6(fd.get()) : prepare_v4(fd.get()))) {
    return fail_system("prepare the VRRP socket");
  }
  // A nicety; the kernel reserves the higher values for CAP_NET_ADMIN.
  set(fd.get(), SOL_SOCKET, SO_PRIORITY, kQueuePriority);
  return fd;
}

bool join_group(int fd, int family, int index) {
  const IpAddress& address = multicast_group(family);
  if (family == AF_INET6) {
    ipv6_mreq group{};
    std::memcpy(&group.ipv6mr_multiaddr, address.bytes().data(), 16);
    group.ipv6mr_interface = static_cast<unsigned>(index);
    return set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, group) &&
           set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
  }
  ip_mreqn group{};
  std::memcpy(&group.imr_multiaddr, address.bytes().data(), 4);
  group.imr_ifindex = index;
  return set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, group) &&
         set(fd, IPPROTO_IP, IP_MULTICAST_IF, group);
}

template <typename T>
void put_control(msghdr& out, int level, int type, const T& value) {
  cmsghdr* header = CMSG_FIRSTHDR(&out);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  out.msg_controllen = CMSG_SPACE(sizeof value);
}

/// Which address and interface a datagram leaves from.
void put_source(msghdr& out, int interface, const IpAddress& source) {
  if (source.is_v6()) {
    in6_pktinfo from{};
    from.ipi6_ifindex = static_cast<unsigned>(interface);
    std::memcpy(&from.ipi6_addr, source.bytes().data(), 16);
    put_control(out, IPPROTO_IPV6, IPV6_PKTINFO, from);
  } else {
    in_pktinfo from{};
    from.ipi_ifindex = interface;
    std::memcpy(&from.ipi_spec_dst, source.bytes().data(), 4);
    put_control(out, IPPROTO_IP, IP_PKTINFO, from);
  }
}

/// What the header of an IPv6 datagram said, of which the socket delivered `message` only.
tl::expected<Datagram, RefuseReason> ipv6_datagram(msghdr& in, const sockaddr_storage& from,
                                                   std::span<const uint8_t> message) {
  Datagram out;
  out.envelope.source = Endpoint::from_sockaddr(from).ip;
  bool complete = false;
  out.envelope.ttl = 0;  // unless the kernel says better
  for (cmsghdr* part = CMSG_FIRSTHDR(&in); part != nullptr; part = CMSG_NXTHDR(&in, part)) {
    if (part->cmsg_level != IPPROTO_IPV6) continue;
    if (part->cmsg_type == IPV6_HOPLIMIT) {
      int hops = 0;
      std::memcpy(&hops, CMSG_DATA(part), sizeof hops);
      out.envelope.ttl = static_cast<uint8_t>(hops);
    } else if (part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo to{};
      std::memcpy(&to, CMSG_DATA(part), sizeof to);
      out.envelope.destination =
          IpAddress::from_bytes(std::span<const uint8_t, 16>(to.ipi6_addr.s6_addr));
      complete = true;
    }
  }
  if (!complete || (in.msg_flags & MSG_TRUNC) != 0) return tl::unexpected(RefuseReason::truncated);
  out.message = message;
  return out;
}

}  // namespace

Result<AdvSocket> AdvSocket::open(int family, Use use, const std::string& interface, int index,
                                  uint8_t vrid) {
  auto fd = raw_socket(family);
  if (!fd) return tl::unexpected(fd.error());
  // The filter first: nothing that arrives in between is mistaken for ours.
  if (!hear_only(fd->get(), family, vrid)) return fail_system("filter the VRRP socket");
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size() + 1)) != 0) {
    return fail_system("bind the VRRP socket to " + interface);
  }
  if (use == Use::multicast && !join_group(fd->get(), family, index)) {
    return fail_system(
        fmt::format("join {} on {}", multicast_group(family).to_string(), interface));
  }
  return AdvSocket(std::move(*fd), family);
}

Result<AdvSocket> AdvSocket::open_for_sending(int family) {
  auto fd = raw_socket(family);
  if (!fd) return tl::unexpected(fd.error());
  if (!hear_nothing(fd->get())) return fail_system("filter the VRRP socket");
  return AdvSocket(std::move(*fd), family);
}

Status AdvSocket::send(int interface, const IpAddress& source, const IpAddress& destination,
                       std::span<const uint8_t> message) const {
  sockaddr_storage to{};
  const socklen_t to_length = Endpoint{.ip = destination, .port = 0}.to_sockaddr(to);
  iovec data{
      .iov_base = const_cast<uint8_t*>(message.data()),  // NOLINT: sendmsg does not write to it
      .iov_len = message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  msghdr out{};
  out.msg_name = &to;
  out.msg_namelen = to_length;
  out.msg_iov = &data;
  out.msg_iovlen = 1;
  out.msg_control = control.data();
  out.msg_controllen = control.size();
  put_source(out, interface, source);
  if (::sendmsg(fd_.get(), &out, 0) < 0) {
    return fail_system(fmt::format("send an advertisement from {} to {}", source.to_string(),
                                   destination.to_string()));
  }
  return {};
}

Status AdvSocket::receive(int most, const Handler& handle) const {
  std::array<uint8_t, kDatagramBytes> buffer;  // NOLINT: filled by recvmsg
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo))>
      control;  // NOLINT: filled by recvmsg
  for (int i = 0; i < most; ++i) {
    sockaddr_storage from{};
    iovec data{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr in{};
    in.msg_name = &from;
    in.msg_namelen = sizeof from;
    in.msg_iov = &data;
    in.msg_iovlen = 1;
    in.msg_control = control.data();
    in.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(fd_.get(), &in, 0);
    if (got >= 0) {
      const auto bytes = std::span<const uint8_t>(buffer).first(static_cast<size_t>(got));
      handle(family_ == AF_INET6 ? ipv6_datagram(in, from, bytes) : split(bytes));
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      // Reported once per event (an interface that went down, an ICMP answer to unicast); the
      // socket works on.
      return fail_system("receive advertisements");
    }
  }
  return {};
}

}  // namespace hapair::vrrp
