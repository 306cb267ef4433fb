// What the two processes of an upgrade speak through: a pair of connected SOCK_SEQPACKET sockets,
// where a message and the descriptors beside it arrive together or not at all. Two ways to use
// one: call by call with a deadline while a process starts, and on the event loop.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ev++.h>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::upgrade {

struct Packet {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

/// Beside one packet; the kernel takes 253.
inline constexpr size_t kMostDescriptors = 128;
/// The kernel holds a packet whole: larger ones are refused.
inline constexpr size_t kMostBytes = size_t{160} << 10;

Result<std::pair<UniqueFd, UniqueFd>> packet_sockets();

/// The next packet; the end of the other process is an error as well.
Result<Packet> receive_packet(int fd, TimePoint deadline);
/// For what is to be said before the process ends; never waits.
void send_packet(int fd, std::string_view bytes);

class PacketChannel {
 public:
  struct Callbacks {
    std::function<void(Packet packet)> on_packet;
    std::function<void()> on_room;  // everything was written
    std::function<void(const std::string& reason)> on_close;
  };

  /// `fd` is one of packet_sockets(). The callbacks may destroy the channel only through
  /// EventLoop::defer.
  PacketChannel(EventLoop& loop, UniqueFd fd, Callbacks callbacks);
  PacketChannel(const PacketChannel&) = delete;
  PacketChannel& operator=(const PacketChannel&) = delete;

  /// Queues what cannot be written at once; the descriptors are closed once they are sent.
  void send(std::string bytes, std::vector<UniqueFd> descriptors = {});
  [[nodiscard]] size_t queued() const { return queue_.size(); }
  [[nodiscard]] bool open() const { return fd_.valid(); }

 private:
  void on_event(ev::io& watcher, int events);
  void write_some();
  void close_with(const std::string& reason);

  UniqueFd fd_;
  Callbacks callbacks_;
  std::deque<Packet> queue_;
  ev::io watcher_;
};

}  // namespace hapair::lbcore::upgrade
