// One TCP connection with TLS and frames on it, non-blocking, under the event loop: a handshake
// that must end within its time, then frames both ways. Bounded: frames in size before anything is
// allocated, output by what the owner asks with room(). Work per event is bounded too. Owned by
// Link, which may destroy it from a callback only through EventLoop::defer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <ev++.h>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/framing.h"
#include "common/unique_fd.h"
#include "lbcore/replicate/tls.h"

namespace hapair::lbcore::replicate {

class Channel {
 public:
  struct Callbacks {
    std::function<void()> on_ready;  // authenticated
    std::function<void(std::string_view payload)> on_frame;
    std::function<void()> on_pause;  // a batch of frames is done, or there is room again
    std::function<void(const std::string& reason)> on_closed;  // once; nothing is called afterwards
  };

  static constexpr size_t kMaxFrameBytes = size_t{1} << 20;
  static constexpr size_t kOutputBytes = size_t{256} << 10;  // what room() counts down from

  /// `fd` is non-blocking; a client's may still be connecting.
  Channel(EventLoop& loop, const TlsContext& tls, UniqueFd fd, Duration handshake_timeout,
          Callbacks callbacks);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// How many more bytes are welcome now.
  [[nodiscard]] size_t room() const;
  /// Queues one frame; flush() sends.
  void send(std::string_view payload);
  void flush();
  /// Tries to send what is queued, then closes. on_closed is not called.
  void close();

 private:
  enum class Phase : uint8_t { connecting, handshake, open, closed };

  void on_event(ev::io& watcher, int events);
  void on_timeout(ev::timer& watcher, int events);
  void shake_hands();
  void read_some();
  bool take_frames();
  void write_some();
  void want(int events);
  void fail(const std::string& reason);
  void stop();

  UniqueFd fd_;
  TlsContext::SslPtr ssl_;
  Callbacks callbacks_;
  Phase phase_ = Phase::connecting;
  FrameDecoder decoder_{kMaxFrameBytes};
  std::string out_;
  size_t written_ = 0;
  bool silent_ = false;        // close() was called: the owner knows
  bool output_stuck_ = false;  // the socket took no more; WRITE is armed
  int events_ = 0;
  ev::io watcher_;
  ev::timer timer_;
};

}  // namespace hapair::lbcore::replicate
