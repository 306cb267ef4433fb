#include "tools/lab/http_request.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "tools/lab/http_text.h"

namespace hapair::lab {

namespace {

constexpr std::string_view kAsk = "GET / HTTP/1.1\r\nHost: hapair\r\nConnection: close\r\n\r\n";

/// Fills `answer` from a complete response; false when it is not complete or not a success.
bool parse(std::string_view response, HttpRequest::Answer& answer) {
  const size_t head_end = response.find("\r\n\r\n");
  if (head_end == std::string_view::npos || !response.starts_with("HTTP/1.1 200")) return false;
  const std::string_view head = response.substr(0, head_end + 2);
  const std::string_view body = response.substr(head_end + 4);
  const std::string_view digits = between(head, "Content-Length: ", "\r\n");
  size_t length = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), length);
  answer.server = between(head, "X-Server: ", "\r\n");
  answer.via = between(body, " for ", "\n");
  return body.size() == length && !answer.server.empty();
}

}  // namespace

std::string_view HttpRequest::name(Outcome outcome) {
  static constexpr std::array<std::string_view, kOutcomes> kNames = {
      "answered", "refused", "reset", "cut_short", "unreachable", "timed_out"};
  return kNames.at(static_cast<size_t>(outcome));
}

HttpRequest::HttpRequest(EventLoop& loop, const IpAddress& source, const Endpoint& target,
                         Duration deadline, OnDone on_done)
    : loop_(loop),
      begun_(Clock::now()),
      on_done_(std::move(on_done)),
      fd_(::socket(target.ip.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      io_(loop.raw()),
      timer_(loop.raw()) {
  io_.set<HttpRequest, &HttpRequest::on_ready>(this);
  timer_.set<HttpRequest, &HttpRequest::on_timeout>(this);
  // The port is chosen by connect(), so that it is unique per four-tuple and not per source
  // address.
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_storage address{};
  socklen_t length = Endpoint{.ip = source, .port = 0}.to_sockaddr(address);
  const bool bound = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
  length = target.to_sockaddr(address);
  ev_now_update(loop.raw());  // the timer counts from now, not from the start of the batch
  timer_.start(std::chrono::duration<double>(deadline).count());
  if (bound && (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
                errno == EINPROGRESS)) {
    io_.start(fd_.get(), ev::WRITE);
  } else {
    timer_.stop();
    timer_.start(0.0);  // on_done never runs inside the constructor
  }
}

void HttpRequest::on_ready(ev::io&, int) {
  if (connected_) return read();
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return finish_with_error(error);
  connected_ = true;
  if (::send(fd_.get(), kAsk.data(), kAsk.size(), MSG_NOSIGNAL) < 0)
    return finish_with_error(errno);
  io_.set(ev::READ);
}

void HttpRequest::read() {
  std::array<char, 2048> buffer{};
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got > 0) {
    in_.append(buffer.data(), static_cast<size_t>(got));
  } else if (got == 0) {
    finish(Outcome::cut_short);  // unless the answer is complete
  } else if (errno != EAGAIN && errno != EINTR) {
    finish_with_error(errno);
  }
}

void HttpRequest::on_timeout(ev::timer&, int) {
  finish(io_.is_active() ? Outcome::timed_out : Outcome::unreachable);
}

void HttpRequest::finish_with_error(int error) {
  if (error == ECONNREFUSED) return finish(Outcome::refused);
  if (error == ECONNRESET || error == EPIPE) return finish(Outcome::reset);
  if (error == ETIMEDOUT) return finish(Outcome::timed_out);
  finish(Outcome::unreachable);
}

void HttpRequest::finish(Outcome outcome) {
  io_.stop();
  timer_.stop();
  Answer answer{.outcome = outcome, .took = Clock::now() - begun_};
  if (outcome == Outcome::cut_short && parse(in_, answer)) answer.outcome = Outcome::answered;
  const OnDone on_done = std::move(on_done_);
  on_done(answer);
}

}  // namespace hapair::lab
