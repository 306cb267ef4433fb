#include "common/frame_stream.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "common/result.h"

namespace hapair {

namespace {
constexpr size_t kReadBytes = size_t{64} << 10;
}

FrameStream::FrameStream(EventLoop& loop, UniqueFd fd, Limits limits, OnFrame on_frame,
                         OnClose on_close)
    : fd_(std::move(fd)),
      limits_(limits),
      decoder_(limits.max_frame_bytes),
      on_frame_(std::move(on_frame)),
      on_close_(std::move(on_close)),
      watcher_(loop.raw()) {
  watcher_.set<FrameStream, &FrameStream::on_event>(this);
  watcher_.start(fd_.get(), ev::READ);
}

bool FrameStream::send(std::string_view payload) {
  if (!open() || finishing_) return false;
  append_frame(out_, payload);
  write_some();
  return open();
}

void FrameStream::finish() {
  if (!open()) return;
  if (suspended_) return fd_.reset();  // what is left to write is another process's
  finishing_ = true;
  write_some();
}

void FrameStream::on_event(ev::io&, int events) {
  if ((events & ev::WRITE) != 0) write_some();
  if (open() && (events & ev::READ) != 0) read_some();
}

void FrameStream::read_some() {
  char buffer[kReadBytes];
  const ssize_t got = ::read(fd_.get(), buffer, sizeof buffer);
  if (got == 0) return close_with("closed by the other side");
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return close_with(system_error("read").message);
  }
  decoder_.append({buffer, static_cast<size_t>(got)});
  take_frames();
}

void FrameStream::take_frames() {
  while (open() && !suspended_) {
    auto frame = decoder_.next();
    if (!frame) return close_with(frame.error().message);
    if (!frame->has_value()) return;
    on_frame_(**frame);
  }
}

FrameStream::Rest FrameStream::suspend() {
  suspended_ = true;
  watcher_.stop();
  return {.in = std::string(decoder_.pending()), .out = out_.substr(written_)};
}

void FrameStream::resume() {
  if (!open() || !std::exchange(suspended_, false)) return;
  watcher_.start(fd_.get(), ev::READ);
  write_some();
  take_frames();
}

void FrameStream::go_on(const Rest& rest) {
  decoder_.append(rest.in);
  out_ = rest.out;
  write_some();
}

void FrameStream::write_some() {
  if (suspended_) return;
  while (written_ < out_.size()) {
    const ssize_t sent =
        ::send(fd_.get(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return close_with(system_error("write").message);
    }
    written_ += static_cast<size_t>(sent);
  }
  if (written_ == out_.size()) {
    out_.clear();
    written_ = 0;
    if (finishing_) {
      watcher_.stop();
      fd_.reset();
      return;
    }
    watch(ev::READ);
    return;
  }
  if (out_.size() - written_ > limits_.max_queued_bytes) {
    return close_with(
        fmt::format("the other side does not read: {} bytes wait", out_.size() - written_));
  }
  // The front is dropped in large steps only: a slow reader must not make every write copy the
  // queue.
  if (written_ > out_.size() / 2) {
    out_.erase(0, written_);
    written_ = 0;
  }
  watch(ev::READ | ev::WRITE);
}

void FrameStream::close_with(const std::string& reason) {
  if (!open()) return;
  watcher_.stop();
  fd_.reset();
  if (!finishing_) on_close_(reason);
}

void FrameStream::watch(int events) {
  if (watcher_.events != events) watcher_.set(events);
}

}  // namespace hapair
