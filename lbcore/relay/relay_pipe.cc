#include "lbcore/relay/relay_pipe.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include "lbcore/relay/system_calls.h"

namespace hapair::lbcore::relay {

namespace {

constexpr uint8_t kFullReads = 4;                // then the stream is a long one
constexpr size_t kShortRead = size_t{16} << 10;  // then it no longer is

}  // namespace

RelayPipe::Moved RelayPipe::collect(int source, std::span<char> scratch, size_t prefix) {
  Moved moved;
  const std::span<char> room = scratch.subspan(prefix);
  const ssize_t got = kernel::recv(source, room.data(), room.size(), 0);
  if (got > 0) moved.bytes = static_cast<size_t>(got);
  if (got < 0 && errno != EINTR) source_gave(got, moved);
  if (state_ != State::broken && prefix + moved.bytes > 0) {
    hold_back(scratch.first(prefix + moved.bytes));
  }
  return moved;
}

int RelayPipe::offer(int sink) {
  const ssize_t sent = kernel::send(sink, held_.get(), held_end_, MSG_NOSIGNAL);
  if (sent < 0) return errno == EINTR ? EAGAIN : errno;
  release(static_cast<size_t>(sent));
  return 0;
}

RelayPipe::Moved RelayPipe::pump(int source, int sink, std::span<char> scratch) {
  if (!splice_ && full_reads_ >= kFullReads) {
    splice_ = kernel_pipes_.take();
    full_reads_ = 0;
  }
  return splice_ ? splice(source, sink) : copy(source, sink, scratch);
}

RelayPipe::Moved RelayPipe::copy(int source, int sink, std::span<char> scratch) {
  Moved moved;
  ssize_t got = 0;
  do {
    got = kernel::recv(source, scratch.data(), scratch.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    source_gave(got, moved);
    return moved;
  }
  moved.bytes = static_cast<size_t>(got);
  moved.more = moved.bytes == scratch.size();
  full_reads_ = moved.more ? full_reads_ + 1 : 0;
  const std::span<const char> bytes = scratch.first(moved.bytes);
  const size_t written = write(sink, bytes, moved);
  if (written < bytes.size() && state_ != State::broken) hold_back(bytes.subspan(written));
  return moved;
}

RelayPipe::Moved RelayPipe::splice(int source, int sink) {
  Moved moved;
  ssize_t got = 0;
  do {
    got = ::splice(source, nullptr, splice_->in.get(), nullptr, KernelPipes::kBytes,
                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    source_gave(got, moved);
    stop_splicing();  // it is empty: else this pipe were blocked
    return moved;
  }
  moved.bytes = static_cast<size_t>(got);
  moved.more = true;  // a pipe may be full with few bytes in it
  splice_->bytes = moved.bytes;
  drain_splice(sink, moved);
  if (state_ == State::open && moved.bytes < kShortRead) stop_splicing();
  return moved;
}

/// Passes on what is inside; blocked as long as something is.
void RelayPipe::drain_splice(int sink, Moved& moved) {
  while (splice_->bytes > 0) {
    const ssize_t sent = ::splice(splice_->out.get(), nullptr, sink, nullptr, splice_->bytes,
                                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent > 0) {
      splice_->bytes -= static_cast<size_t>(sent);
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      state_ = State::blocked;
      return;
    }
    sink_fails(sent < 0 ? errno : EPIPE, moved);
    return stop_splicing();
  }
  state_ = State::open;
}

void RelayPipe::stop_splicing() {
  if (splice_) kernel_pipes_.give_back(std::move(splice_));
}

void RelayPipe::source_gave(ssize_t result, Moved& moved) {
  if (result == 0) {
    state_ = State::ended;
  } else if (errno != EAGAIN) {
    moved.error = errno;
    state_ = State::broken;
  }
}

void RelayPipe::sink_fails(int error, Moved& moved) {
  moved.error = error;
  sink_failed_ = true;
  state_ = State::broken;
}

RelayPipe::Moved RelayPipe::flush(int sink) {
  Moved moved;
  if (splice_) {
    drain_splice(sink, moved);
    return moved;
  }
  const std::span<const char> rest(held_.get() + held_begin_, held_end_ - held_begin_);
  const size_t written = write(sink, rest, moved);
  if (state_ == State::broken) {
    held_.reset();
  } else {
    release(written);
  }
  return moved;
}

/// Of what is held, so much has been written.
void RelayPipe::release(size_t written) {
  held_begin_ += static_cast<uint32_t>(written);
  if (held_begin_ < held_end_) return;
  state_ = State::open;
  held_.reset();
}

size_t RelayPipe::write(int sink, std::span<const char> bytes, Moved& moved) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t sent =
        kernel::send(sink, bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (sent >= 0) {
      written += static_cast<size_t>(sent);
      // A short count means that the socket is full: asking again would only say EAGAIN.
      break;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) sink_fails(errno, moved);
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

bool RelayPipe::copy_held(std::string& out) {
  if (splice_ && splice_->bytes > 0) {
    auto bytes = std::make_unique_for_overwrite<char[]>(splice_->bytes);
    size_t got = 0;
    while (got < splice_->bytes) {
      const ssize_t some = ::read(splice_->out.get(), bytes.get() + got, splice_->bytes - got);
      if (some < 0 && errno == EINTR) continue;
      if (some <= 0) break;
      got += static_cast<size_t>(some);
    }
    if (got == 0) return false;
    const bool all = got == splice_->bytes;
    splice_->bytes = 0;
    held_ = std::move(bytes);
    held_begin_ = 0;
    held_end_ = static_cast<uint32_t>(got);
    if (!all) state_ = State::broken;
  }
  if (state_ == State::broken) return false;
  stop_splicing();
  if (held_) out.append(held_.get() + held_begin_, held_end_ - held_begin_);
  return true;
}

void RelayPipe::hold(std::span<const char> bytes) {
  if (!bytes.empty()) hold_back(bytes);
}

void RelayPipe::finish(int sink) {
  // Fails only when the sink is gone already, which its own reading side will show.
  ::shutdown(sink, SHUT_WR);
  state_ = State::finished;
}

}  // namespace hapair::lbcore::relay
