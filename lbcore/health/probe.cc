#include "lbcore/health/probe.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "common/result.h"
#include "common/units.h"
#include "lbcore/health/http_probe.h"
#include "lbcore/health/tcp_probe.h"

namespace hapair::lbcore::health {

namespace {

/// EADDRNOTAVAIL has two causes: no free local port, which is our trouble, or no address to speak
/// from at all (IPv6 without one), and then clients cannot reach this server through us either. A
/// datagram socket tells them apart.
bool has_source_address(const Endpoint& server) {
  const UniqueFd fd(::socket(server.ip.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return true;
  sockaddr_storage address{};
  const socklen_t length = server.to_sockaddr(address);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
         errno != EADDRNOTAVAIL;
}

/// This machine lacks something that has nothing to do with the server.
bool is_environment(int error, const Endpoint& server) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:  // connect: no free local port
      return true;
    case EADDRNOTAVAIL:
      return has_source_address(server);
    default:
      return false;
  }
}

std::string reason(int error) {
  return std::system_category().message(error);
}

}  // namespace

Probe::Probe(EventLoop& loop, QuietClose& closer, Endpoint server, Duration timeout, Done done)
    : loop_(loop),
      closer_(closer),
      server_(server),
      timeout_(timeout),
      done_(std::move(done)),
      watcher_(loop.raw()),
      timer_(loop.raw()) {
  watcher_.set<Probe, &Probe::on_event>(this);
  timer_.set<Probe, &Probe::on_timeout>(this);
}

Probe::~Probe() {
  watcher_.stop();
  if (connected_) closer_.take(std::move(fd_));
}

void Probe::start() {
  started_ = loop_.refresh_now();
  running_ = true;
  connected_ = false;
  timer_.start(std::chrono::duration<double>(timeout_).count());
  connect();
}

void Probe::connect() {
  fd_.reset(::socket(server_.ip.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return on_connect_result(errno);
  sockaddr_storage address{};
  const socklen_t length = server_.to_sockaddr(address);
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) {
    return on_connect_result(0);
  }
  if (errno != EINPROGRESS) return on_connect_result(errno);
  watch(ev::WRITE);
}

void Probe::on_connect_result(int error) {
  if (error == 0) {
    connected_ = true;
    on_connected();
  } else if (is_environment(error, server_)) {
    finish(ProbeCode::sockerr, reason(error));
  } else if (error == ETIMEDOUT) {
    finish(ProbeCode::l4tout, reason(error));
  } else {
    finish(ProbeCode::l4con, reason(error));
  }
}

void Probe::on_event(ev::io&, int events) {
  if (!connected_) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    return on_connect_result(error);
  }
  if ((events & ev::WRITE) != 0) on_writable();
  if (running_ && (events & ev::READ) != 0) on_readable();
}

void Probe::on_timeout(ev::timer&, int) {
  if (connected_) {
    finish(ProbeCode::l7tout, "no answer in " + format_duration(timeout_));
  } else {
    finish(ProbeCode::l4tout, "no connection in " + format_duration(timeout_));
  }
}

void Probe::watch(int events) {
  watcher_.stop();
  watcher_.start(fd_.get(), events);
}

void Probe::finish(ProbeCode code, std::string detail) {
  watcher_.stop();
  timer_.stop();
  if (connected_) {
    closer_.take(std::move(fd_));
  } else {
    fd_.reset();
  }
  connected_ = false;
  running_ = false;
  done_({.code = code, .detail = std::move(detail), .latency = loop_.refresh_now() - started_});
}

std::unique_ptr<Probe> make_probe(EventLoop& loop, QuietClose& closer, const Endpoint& server,
                                  const CheckSpec& spec, Probe::Done done) {
  switch (spec.kind) {
    case CheckKind::none:
      break;
    case CheckKind::tcp:
      return std::make_unique<TcpProbe>(loop, closer, server, spec.timeout, std::move(done));
    case CheckKind::http:
      return std::make_unique<HttpProbe>(loop, closer, server, spec, std::move(done));
  }
  return nullptr;
}

}  // namespace hapair::lbcore::health
