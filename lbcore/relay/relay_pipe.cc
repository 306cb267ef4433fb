#include "lbcore/relay/relay_pipe.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace hapair::lbcore::relay {

RelayPipe::Moved RelayPipe::pump(int source, int sink, std::span<char> scratch) {
  Moved moved;
  ssize_t got = 0;
  do {
    got = ::recv(source, scratch.data(), scratch.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == EAGAIN) return moved;
    moved.error = errno;
    state_ = State::broken;
    return moved;
  }
  if (got == 0) {
    state_ = State::ended;
    return moved;
  }
  moved.bytes = static_cast<size_t>(got);
  const std::span<const char> bytes = scratch.first(moved.bytes);
  const size_t written = write(sink, bytes, moved);
  if (written < bytes.size() && state_ != State::broken) hold_back(bytes.subspan(written));
  return moved;
}

RelayPipe::Moved RelayPipe::flush(int sink) {
  Moved moved;
  const std::span<const char> rest(held_.get() + held_begin_, held_end_ - held_begin_);
  const size_t written = write(sink, rest, moved);
  if (written == rest.size()) {
    state_ = State::open;
    held_.reset();
  } else if (state_ == State::broken) {
    held_.reset();
  } else {
    held_begin_ += static_cast<uint32_t>(written);
  }
  return moved;
}

size_t RelayPipe::write(int sink, std::span<const char> bytes, Moved& moved) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t sent = ::send(sink, bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (sent >= 0) {
      written += static_cast<size_t>(sent);
      // A short count means that the socket is full: asking again would only say EAGAIN.
      break;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      moved.error = errno;
      sink_failed_ = true;
      state_ = State::broken;
    }
    break;
  }
  return written;
}

void RelayPipe::hold_back(std::span<const char> bytes) {
  held_ = std::make_unique_for_overwrite<char[]>(bytes.size());
  std::memcpy(held_.get(), bytes.data(), bytes.size());
  held_begin_ = 0;
  held_end_ = static_cast<uint32_t>(bytes.size());
  state_ = State::blocked;
}

void RelayPipe::finish(int sink) {
  // Fails only when the sink is gone already, which its own reading side will show.
  ::shutdown(sink, SHUT_WR);
  state_ = State::finished;
}

}  // namespace hapair::lbcore::relay
