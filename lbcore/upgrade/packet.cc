#include "lbcore/upgrade/packet.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

namespace hapair::lbcore::upgrade {

namespace {

constexpr int kBufferBytes = 1 << 20;
constexpr int kReadsPerEvent = 32;

/// Room for the descriptors of one packet, as the kernel wants it aligned.
struct alignas(cmsghdr) ControlSpace {
  std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> bytes{};
};

std::string gone() {
  return "the other process has ended";
}

/// errno, 0 for success.
int write_packet(int fd, std::string_view bytes, std::span<const UniqueFd> descriptors) {
  iovec text{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  ControlSpace space;
  if (!descriptors.empty()) {
    const size_t size = descriptors.size() * sizeof(int);
    message.msg_control = space.bytes.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    unsigned char* out = CMSG_DATA(header);
    for (const UniqueFd& each : descriptors) {
      const int number = each.get();
      std::memcpy(out, &number, sizeof number);
      out += sizeof number;
    }
  }
  while (::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

void take_descriptors(msghdr& message, std::vector<UniqueFd>& out) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
      out.emplace_back(number);
    }
  }
}

/// Nothing: nothing is there yet.
Result<std::optional<Packet>> read_packet(int fd) {
  Packet packet;
  packet.bytes.resize(kMostBytes);
  iovec text{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  ControlSpace space;
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  ssize_t got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // The other process ended without reading everything. That is told once, and before its last
  // words.
  if (got < 0 && errno == ECONNRESET) {
    got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  }
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    if (errno == ECONNRESET) return fail("{}", gone());
    return fail_system("receive");
  }
  take_descriptors(message, packet.descriptors);
  if (got == 0) return fail("{}", gone());
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return fail("a packet arrived cut: too large, or no descriptors are left");
  }
  packet.bytes.resize(static_cast<size_t>(got));
  return packet;
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> packet_sockets() {
  std::array<int, 2> numbers{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, numbers.data()) !=
      0) {
    return fail_system("create a pair of sockets");
  }
  for (const int number : numbers) {
    // As much as the system grants.
    (void)::setsockopt(number, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
  }
  return std::pair(UniqueFd(numbers[0]), UniqueFd(numbers[1]));
}

Result<Packet> receive_packet(int fd, TimePoint deadline) {
  while (true) {
    auto packet = read_packet(fd);
    if (!packet) return tl::unexpected(packet.error());
    if (packet->has_value()) return std::move(**packet);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail("the other process says nothing");
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(left)) < 0 && errno != EINTR) {
      return fail_system("poll");
    }
  }
}

void send_packet(int fd, std::string_view bytes) {
  (void)write_packet(fd, bytes.substr(0, kMostBytes), {});
}

PacketChannel::PacketChannel(EventLoop& loop, UniqueFd fd, Callbacks callbacks)
    : fd_(std::move(fd)), callbacks_(std::move(callbacks)), watcher_(loop.raw()) {
  watcher_.set<PacketChannel, &PacketChannel::on_event>(this);
  watcher_.start(fd_.get(), ev::READ);
}

void PacketChannel::send(std::string bytes, std::vector<UniqueFd> descriptors) {
  if (!open()) return;
  queue_.push_back({std::move(bytes), std::move(descriptors)});
  if (queue_.size() == 1) watcher_.set(ev::READ | ev::WRITE);
}

void PacketChannel::on_event(ev::io&, int events) {
  if ((events & ev::WRITE) != 0) write_some();
  for (int i = 0; i < kReadsPerEvent && open() && (events & ev::READ) != 0; ++i) {
    auto packet = read_packet(fd_.get());
    if (!packet) return close_with(packet.error().message);
    if (!packet->has_value()) return;
    callbacks_.on_packet(std::move(**packet));
  }
}

void PacketChannel::write_some() {
  while (!queue_.empty()) {
    const Packet& next = queue_.front();
    const int error = write_packet(fd_.get(), next.bytes, next.descriptors);
    if (error == EAGAIN) return;
    if (error == EPIPE || error == ECONNRESET) {
      // It has ended, and may have said why: that is to be read first.
      queue_.clear();
      return watcher_.set(ev::READ);
    }
    if (error != 0) return close_with(std::strerror(error));
    queue_.pop_front();
  }
  watcher_.set(ev::READ);
  if (callbacks_.on_room) callbacks_.on_room();
}

void PacketChannel::close_with(const std::string& reason) {
  if (!open()) return;
  watcher_.stop();
  fd_.reset();
  queue_.clear();
  callbacks_.on_close(reason);
}

}  // namespace hapair::lbcore::upgrade
