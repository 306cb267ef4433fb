#include "vrrpd/kernel/adv_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kDatagramBytes = 60 + 8 + 4 * 255;  // longest IPv4 header and message
constexpr int kTrafficClass = 0xc0;  // internetwork control, as routing protocols use
constexpr int kQueuePriority = 6;    // TC_PRIO_INTERACTIVE: ahead of bulk traffic in the queue

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool attach(int fd, std::span<sock_filter> program) {
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()), .filter = program.data()};
  return set(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter);
}

/// Passes messages of one VRID: the second byte behind the IPv4 header. A message too short to have
/// one is dropped.
bool hear_only(int fd, uint8_t vrid) {
  std::array<sock_filter, 5> program{{
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),  // X = 4 * (header length in words)
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, vrid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  return attach(fd, program);
}

bool hear_nothing(int fd) {
  std::array<sock_filter, 1> program{{BPF_STMT(BPF_RET | BPF_K, 0)}};
  return attach(fd, program);
}

Result<UniqueFd> raw_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kIpProtocol));
  if (!fd) return fail_system("open a raw socket for VRRP");
  const int ttl = kTtl;
  if (!set(fd.get(), IPPROTO_IP, IP_TTL, ttl) ||
      !set(fd.get(), IPPROTO_IP, IP_MULTICAST_TTL, ttl) ||
      !set(fd.get(), IPPROTO_IP, IP_MULTICAST_LOOP, int{0}) ||
      !set(fd.get(), IPPROTO_IP, IP_TOS, kTrafficClass)) {
    return fail_system("prepare the VRRP socket");
  }
  // A nicety; the kernel reserves the higher values for CAP_NET_ADMIN.
  set(fd.get(), SOL_SOCKET, SO_PRIORITY, kQueuePriority);
  return fd;
}

}  // namespace

Result<AdvSocket> AdvSocket::open(Use use, const std::string& interface, int index, uint8_t vrid) {
  auto fd = raw_socket();
  if (!fd) return tl::unexpected(fd.error());
  // The filter first: nothing that arrives in between is mistaken for ours.
  if (!hear_only(fd->get(), vrid)) return fail_system("filter the VRRP socket");
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size() + 1)) != 0) {
    return fail_system("bind the VRRP socket to " + interface);
  }
  if (use == Use::multicast) {
    ip_mreqn group{};
    group.imr_multiaddr.s_addr = htonl(kMulticastGroup);
    group.imr_ifindex = index;
    if (!set(fd->get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, group) ||
        !set(fd->get(), IPPROTO_IP, IP_MULTICAST_IF, group)) {
      return fail_system("join 224.0.0.18 on " + interface);
    }
  }
  return AdvSocket(std::move(*fd));
}

Result<AdvSocket> AdvSocket::open_for_sending() {
  auto fd = raw_socket();
  if (!fd) return tl::unexpected(fd.error());
  if (!hear_nothing(fd->get())) return fail_system("filter the VRRP socket");
  return AdvSocket(std::move(*fd));
}

Status AdvSocket::send(int interface, const IpAddress& source, const IpAddress& destination,
                       std::span<const uint8_t> message) const {
  sockaddr_storage to{};
  const socklen_t to_length = Endpoint{.ip = destination, .port = 0}.to_sockaddr(to);
  iovec data{
      .iov_base = const_cast<uint8_t*>(message.data()),  // NOLINT: sendmsg does not write to it
      .iov_len = message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  msghdr out{};
  out.msg_name = &to;
  out.msg_namelen = to_length;
  out.msg_iov = &data;
  out.msg_iovlen = 1;
  out.msg_control = control.data();
  out.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&out);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo from{};
  from.ipi_ifindex = interface;
  from.ipi_spec_dst.s_addr = htonl(source.v4_host_order());
  std::memcpy(CMSG_DATA(header), &from, sizeof from);
  if (::sendmsg(fd_.get(), &out, 0) < 0) {
    return fail_system(fmt::format("send an advertisement from {} to {}", source.to_string(),
                                   destination.to_string()));
  }
  return {};
}

Status AdvSocket::receive(int most,
                          const std::function<void(std::span<const uint8_t>)>& handle) const {
  std::array<uint8_t, kDatagramBytes> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < most; ++i) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got >= 0) {
      handle(std::span(buffer).first(static_cast<size_t>(got)));
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
