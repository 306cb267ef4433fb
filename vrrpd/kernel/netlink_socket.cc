#include "vrrpd/kernel/netlink_socket.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr size_t kReceiveBytes = size_t{32} << 10;

}  // namespace

std::string bytes_of(const nlmsghdr* header) {
  return {reinterpret_cast<const char*>(header), header->nlmsg_len};  // NOLINT: it is its bytes
}

NetlinkSocket::NetlinkSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!fd_) throw_system("open a netlink socket");
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  const timeval limit{.tv_sec = 0, .tv_usec = 200'000};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Status NetlinkSocket::send(std::string& request, std::string_view attempt) {
  nlmsghdr header{};
  std::memcpy(&header, request.data(), sizeof header);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(request.data(), &header, sizeof header);
  if (::send(fd_.get(), request.data(), request.size(), 0) < 0) return fail_system(attempt);
  return {};
}

Result<int> NetlinkSocket::ask(std::string request, std::string_view attempt) {
  if (const Status sent = send(request, attempt); !sent) return tl::unexpected(sent.error());
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;  // NOLINT: filled by recv
  while (true) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system(fmt::format("{}: await the kernel's answer", attempt));
    const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());  // NOLINT: its layout
    if (nlmsg_ok(answer, static_cast<int>(got)) == 0 || answer->nlmsg_seq != sequence_) continue;
    if (answer->nlmsg_type != NLMSG_ERROR) continue;
    return -static_cast<const nlmsgerr*>(nlmsg_data(answer))->error;
  }
}

Status NetlinkSocket::list(std::string request, std::string_view attempt,
                           const std::function<void(nlmsghdr*)>& each) {
  if (Status sent = send(request, attempt); !sent) return sent;
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;  // NOLINT: filled by recv
  while (true) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system(fmt::format("{}: await the kernel's answer", attempt));
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());  // NOLINT: its layout
         nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_type == NLMSG_DONE) return {};
      if (header->nlmsg_type == NLMSG_ERROR) {
        return fail_system(attempt, -static_cast<const nlmsgerr*>(nlmsg_data(header))->error);
      }
      each(header);
    }
  }
}

}  // namespace hapair::vrrp
