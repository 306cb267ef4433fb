// A non-blocking socket that speaks frames: reads into a FrameDecoder, queues what the socket does
// not take at once. The queue is bounded; overflow closes the stream with that reason (DESIGN
// invariant 8).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/framing.h"
#include "common/unique_fd.h"

namespace hapair {

class FrameStream {
 public:
  struct Limits {
    size_t max_frame_bytes = size_t{1} << 20;
    size_t max_queued_bytes = size_t{8} << 20;
  };
  using OnFrame = std::function<void(std::string_view payload)>;
  using OnClose = std::function<void(const std::string& reason)>;

  /// `fd` must be non-blocking and connected. Both callbacks may destroy the stream only through
  /// EventLoop::defer.
  FrameStream(EventLoop& loop, UniqueFd fd, Limits limits, OnFrame on_frame, OnClose on_close);
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  /// False once the stream is closed. Never blocks.
  bool send(std::string_view payload);
  /// Closes after what is queued was written, a suspended one at once; on_close is not called.
  void finish();
  [[nodiscard]] bool open() const { return fd_.valid(); }
  /// What the socket has not taken yet.
  [[nodiscard]] size_t queued_bytes() const { return out_.size() - written_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Between the two ends of a move to another process: what was read but is no whole frame yet,
  /// and what was not written yet.
  struct Rest {
    std::string in;
    std::string out;
  };
  /// Neither reads nor writes until resume(); what is sent meanwhile waits.
  Rest suspend();
  void resume();
  /// Goes on where another process's stream was; call it before anything is read or sent.
  void go_on(const Rest& rest);

 private:
  void on_event(ev::io& watcher, int events);
  void read_some();
  void take_frames();
  void write_some();
  void close_with(const std::string& reason);
  void watch(int events);

  UniqueFd fd_;
  Limits limits_;
  FrameDecoder decoder_;
  OnFrame on_frame_;
  OnClose on_close_;
  std::string out_;
  size_t written_ = 0;
  bool finishing_ = false;
  bool suspended_ = false;
  ev::io watcher_;
};

}  // namespace hapair
