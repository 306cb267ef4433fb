#include "lbcore/health/stream_probe.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "common/units.h"
#include "lbcore/health/probe_socket.h"
#include "lbcore/health/proxy_greeting.h"

namespace hapair::lbcore::health {

StreamProbe::StreamProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec,
                         Done done)
    : Probe(tools, spec, std::move(done)),
      at_(probe_address(server, spec)),
      watcher_(tools.loop.raw()) {
  watcher_.set<StreamProbe, &StreamProbe::on_event>(this);
}

StreamProbe::~StreamProbe() {
  release();
}

void StreamProbe::release() {
  watcher_.stop();
  tls_.close();
  if (fd_ && phase_ != Phase::connecting) {
    tools().closer.take(std::move(fd_));
  } else {
    fd_.reset();
  }
  phase_ = Phase::connecting;
}

void StreamProbe::begin() {
  phase_ = Phase::connecting;
  to_say_.clear();
  said_ = 0;
  Opening opening = open_probe_socket(at_, spec(), SOCK_STREAM);
  if (!opening.own.empty()) return finish(ProbeCode::sockerr, std::move(opening.own));
  fd_ = std::move(opening.fd);
  if (opening.error == 0) return on_connected();
  if (opening.error != EINPROGRESS) return on_connect_failed(opening.error);
  watch(ev::WRITE);
}

void StreamProbe::on_connect_failed(int error) {
  if (is_environment(error, at_)) return finish(ProbeCode::sockerr, reason(error));
  finish(error == ETIMEDOUT ? ProbeCode::l4tout : ProbeCode::l4con, reason(error));
}

/// The PROXY header, if the check has one. A socket that has just been connected takes it whole;
/// false: it did not, and the probe is over.
bool StreamProbe::introduce() {
  if (!spec().proxy) return true;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  const std::string header = proxy_greeting(*spec().proxy, Endpoint::from_sockaddr(address), at_);
  if (::send(fd_.get(), header.data(), header.size(), MSG_NOSIGNAL) ==
      static_cast<ssize_t>(header.size())) {
    return true;
  }
  finish(ProbeCode::l4con, reason(errno));
  return false;
}

void StreamProbe::on_connected() {
  if (!introduce()) return;
  if (!spec().uses_tls()) return opened();
  phase_ = Phase::handshake;
  if (const Status begun = tls_.open(tools().tls, fd_.get(), at_.ip, spec()); !begun) {
    return finish(ProbeCode::sockerr, begun.error().message);
  }
  shake_hands();
}

void StreamProbe::shake_hands() {
  switch (tls_.handshake()) {
    case TlsStream::Progress::done:
      return opened();
    case TlsStream::Progress::wants_read:
      return watch(ev::READ);
    case TlsStream::Progress::wants_write:
      return watch(ev::WRITE);
    case TlsStream::Progress::failed:
      return finish(ProbeCode::l6rsp, tls_.trouble());
  }
}

void StreamProbe::opened() {
  phase_ = Phase::open;
  watch(ev::READ);
  on_open();
}

void StreamProbe::on_event(ev::io&, int events) {
  if (phase_ == Phase::connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    return error == 0 ? on_connected() : on_connect_failed(error);
  }
  if (phase_ == Phase::handshake) return shake_hands();
  if ((events & ev::WRITE) != 0) write();
  if (running() && (events & ev::READ) != 0) read();
}

void StreamProbe::out_of_time() {
  const std::string time = format_duration(spec().timeout);
  switch (phase_) {
    case Phase::connecting:
      return finish(ProbeCode::l4tout, "no connection in " + time);
    case Phase::handshake:
      return finish(ProbeCode::l6tout, "no handshake in " + time);
    case Phase::open:
      return finish(ProbeCode::l7tout, "no answer in " + time);
  }
}

void StreamProbe::say(std::string text) {
  to_say_ = std::move(text);
  said_ = 0;
  write();
}

void StreamProbe::write() {
  bool blocked = false;
  while (said_ < to_say_.size()) {
    const ssize_t count = write_some(std::string_view(to_say_).substr(said_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      // A server that hung up may have said why: reading tells, so an error is not the end.
      blocked = errno == EAGAIN;
      break;
    }
    said_ += static_cast<size_t>(count);
  }
  watch(blocked ? ev::READ | ev::WRITE : ev::READ);
}

/// Until nothing is left: TLS may hold bytes that the kernel no longer tells of.
void StreamProbe::read() {
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written
  while (running()) {
    const ssize_t count = read_some(buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) {
      return finish(ProbeCode::l7rsp, errno == EPROTO ? tls_.trouble() : reason(errno));
    }
    on_bytes({buffer.data(), static_cast<size_t>(count)});
    if (count == 0) return;
  }
}

ssize_t StreamProbe::read_some(std::span<char> into) {
  if (spec().uses_tls()) return tls_.read(into);
  return ::recv(fd_.get(), into.data(), into.size(), 0);
}

ssize_t StreamProbe::write_some(std::string_view bytes) {
  if (spec().uses_tls()) return tls_.write(bytes);
  return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void StreamProbe::on_bytes(std::string_view) {}

void StreamProbe::watch(int events) {
  watcher_.stop();
  watcher_.start(fd_.get(), events);
}

void OpenProbe::on_open() {
  if (spec().uses_tls()) return finish(ProbeCode::l6ok, tls().version());
  finish(ProbeCode::l4ok, "");
}

}  // namespace hapair::lbcore::health
