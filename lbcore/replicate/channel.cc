#include "lbcore/replicate/channel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <openssl/err.h>
#include <sys/socket.h>

#include "common/result.h"

namespace hapair::lbcore::replicate {

namespace {

constexpr size_t kReadBytes = size_t{16} << 10;  // a TLS record
constexpr int kReadsPerEvent = 8;

}  // namespace

Channel::Channel(EventLoop& loop, const TlsContext& tls, UniqueFd fd, Duration handshake_timeout,
                 Callbacks callbacks)
    : fd_(std::move(fd)),
      ssl_(tls.open(fd_.get())),
      callbacks_(std::move(callbacks)),
      watcher_(loop.raw()),
      timer_(loop.raw()) {
  watcher_.set<Channel, &Channel::on_event>(this);
  timer_.set<Channel, &Channel::on_timeout>(this);
  timer_.start(std::chrono::duration<double>(handshake_timeout).count());
  // Writable is when a connecting socket is connected, and an accepted one is at once: the first
  // event starts.
  want(ev::WRITE);
}

size_t Channel::room() const {
  const size_t queued = out_.size() - written_;
  return phase_ == Phase::open && queued < kOutputBytes ? kOutputBytes - queued : 0;
}

void Channel::send(std::string_view payload) {
  if (phase_ != Phase::open) return;
  if (written_ == out_.size()) {
    out_.clear();
    written_ = 0;
  }
  append_frame(out_, payload);
}

void Channel::flush() {
  if (phase_ == Phase::open && !output_stuck_) write_some();
}

void Channel::close() {
  silent_ = true;
  if (phase_ == Phase::closed) return;
  flush();
  if (phase_ == Phase::open) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  stop();
}

void Channel::stop() {
  phase_ = Phase::closed;
  watcher_.stop();
  timer_.stop();
  ssl_.reset();
  fd_.reset();
}

void Channel::fail(const std::string& reason) {
  if (phase_ == Phase::closed) return;
  stop();
  if (!silent_) callbacks_.on_closed(reason);
}

void Channel::want(int events) {
  if (events == events_) return;
  events_ = events;
  watcher_.stop();
  watcher_.start(fd_.get(), events);
}

void Channel::on_timeout(ev::timer&, int) {
  fail(phase_ == Phase::connecting ? "no answer to the connect" : "handshake not finished in time");
}

void Channel::on_event(ev::io&, int events) {
  if (phase_ == Phase::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return fail(system_error("connect", error).message);
    if (!ssl_) return fail("OpenSSL has no memory for a connection");
    phase_ = Phase::handshake;
  }
  if (phase_ == Phase::handshake) return shake_hands();
  if ((events & ev::WRITE) != 0) {
    output_stuck_ = false;
    write_some();
  }
  if ((events & ev::READ) != 0 && phase_ == Phase::open) read_some();
  if (phase_ == Phase::open) callbacks_.on_pause();
}

void Channel::shake_hands() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return want(ev::READ);
      case SSL_ERROR_WANT_WRITE:
        return want(ev::WRITE);
      default:
        return fail(tls_failure(ssl_.get(), result));
    }
  }
  if (!authenticated(ssl_.get())) return fail("not authenticated by the key");
  timer_.stop();
  phase_ = Phase::open;
  want(ev::READ);
  callbacks_.on_ready();
  if (phase_ != Phase::open) return;
  // The peer's first frames may have come with the end of the handshake: no event would tell of
  // them.
  read_some();
  if (phase_ == Phase::open) callbacks_.on_pause();
}

void Channel::read_some() {
  std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  for (int i = 0; i < kReadsPerEvent; ++i) {
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) {
      // WANT_WRITE cannot be: TLS 1.3 here neither renegotiates nor answers a key update while
      // reading is all we do.
      const int error = SSL_get_error(ssl_.get(), got);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
      return fail(tls_failure(ssl_.get(), got));
    }
    decoder_.append({buffer.data(), static_cast<size_t>(got)});
    if (!take_frames()) return;
  }
  // OpenSSL may hold records that the socket will not announce again; come back after the others
  // had their turn.
  if (SSL_has_pending(ssl_.get()) == 1) watcher_.feed_event(ev::READ);
}

bool Channel::take_frames() {
  while (phase_ == Phase::open) {
    const auto payload = decoder_.next();
    if (!payload) {
      fail(payload.error().message);
      return false;
    }
    if (!*payload) return true;
    callbacks_.on_frame(**payload);
  }
  return false;
}

void Channel::write_some() {
  while (written_ < out_.size()) {
    ERR_clear_error();
    errno = 0;
    const size_t left = out_.size() - written_;
    const int sent = SSL_write(ssl_.get(), out_.data() + written_, static_cast<int>(left));
    if (sent <= 0) {
      const int error = SSL_get_error(ssl_.get(), sent);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) {
        return fail(tls_failure(ssl_.get(), sent));
      }
      output_stuck_ = true;
      break;
    }
    written_ += static_cast<size_t>(sent);
  }
  if (written_ == out_.size()) {
    out_.clear();
    written_ = 0;
  } else if (written_ > out_.size() / 2) {
    out_.erase(0, written_);
    written_ = 0;
  }
  want(output_stuck_ ? ev::READ | ev::WRITE : ev::READ);
}

}  // namespace hapair::lbcore::replicate
