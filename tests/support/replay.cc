#include "tests/support/replay.h"

#include <array>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/result.h"

namespace hapair::test {

namespace {

constexpr size_t kTypeAt = 12;
constexpr size_t kProtocolAt = 14 + 9;
constexpr size_t kUdpChecksumAt = 14 + 20 + 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kVrrp = 112;

/// Of all protocols: a bridge takes the frame before a socket of one protocol would see it.
UniqueFd packet_socket(const std::string& port) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  if (!fd) throw_system("open a packet socket");
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_ALL);
  at.sll_ifindex = static_cast<int>(::if_nametoindex(port.c_str()));
  const auto* bare = reinterpret_cast<const sockaddr*>(&at);  // NOLINT: the socket API's cast
  if (::bind(fd.get(), bare, sizeof at) != 0) throw_system("listen at " + port);
  const timeval turn{.tv_sec = 0, .tv_usec = 20'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &turn, sizeof turn);
  return fd;
}

}  // namespace

Replay::Replay(const Namespace& in, const std::string& port, Kind kind)
    : in_(in),
      socket_(in.run([&] { return packet_socket(port); })),
      thread_([this, kind](const std::stop_token& stop) {
        record(stop, kind == Kind::udp ? kUdp : kVrrp);
      }) {}

void Replay::record(const std::stop_token& stop, uint8_t protocol) {
  while (!stop.stop_requested()) {
    std::array<uint8_t, 2048> frame{};
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    auto* bare = reinterpret_cast<sockaddr*>(&from);  // NOLINT: the socket API's cast
    const ssize_t got = ::recvfrom(socket_.get(), frame.data(), frame.size(), 0, bare, &length);
    // What goes out of the port is not what it says.
    if (got <= static_cast<ssize_t>(kProtocolAt) || from.sll_pkttype == PACKET_OUTGOING) continue;
    const bool ipv4 = frame[kTypeAt] == 0x08 && frame[kTypeAt + 1] == 0x00;
    if (!ipv4 || frame[kProtocolAt] != protocol) continue;
    // Not computed yet on a virtual wire; zero means that there is none (RFC 768).
    if (protocol == kUdp && got > static_cast<ssize_t>(kUdpChecksumAt + 1)) {
      frame[kUdpChecksumAt] = frame[kUdpChecksumAt + 1] = 0;
    }
    const std::lock_guard lock(mutex_);
    frames_.emplace_back(frame.begin(), frame.begin() + got);
  }
}

size_t Replay::captured() const {
  const std::lock_guard lock(mutex_);
  return frames_.size();
}

void Replay::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Replay::send(const std::string& port) const {
  const UniqueFd out = in_.run([&] { return packet_socket(port); });
  const std::lock_guard lock(mutex_);
  for (const auto& frame : frames_) {
    if (::send(out.get(), frame.data(), frame.size(), 0) < 0) throw_system("send at " + port);
  }
}

}  // namespace hapair::test
