#include "tools/lab/long_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <xxhash.h>

#include "tools/lab/http_text.h"

namespace hapair::lab {

std::string_view LongConnection::name(State state) {
  static constexpr std::array<std::string_view, 6> kNames = {"running", "complete", "wrong_bytes",
                                                             "refused", "reset",    "cut_short"};
  return kNames.at(static_cast<size_t>(state));
}

LongConnection::LongConnection(EventLoop& loop, const Plan& plan)
    : loop_(loop),
      plan_(plan),
      fd_(::socket(plan.target.ip.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      waits_since_(Clock::now()),
      sum_(XXH64_createState(), [](XXH64_state_s* sum) { return int{XXH64_freeState(sum)}; }),
      next_question_(loop, [this] { ask(); }),
      io_(loop.raw()) {
  XXH64_reset(sum_.get(), 0);
  io_.set<LongConnection, &LongConnection::on_ready>(this);
  sockaddr_storage address{};
  socklen_t length = Endpoint{.ip = plan.source, .port = 0}.to_sockaddr(address);
  const bool bound = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
  length = plan.target.to_sockaddr(address);
  if (bound && (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
                errno == EINPROGRESS)) {
    io_.start(fd_.get(), ev::WRITE);
  } else {
    end(State::refused);
  }
}

LongConnection::~LongConnection() = default;

Duration LongConnection::longest_wait(TimePoint now) const {
  return waits_ ? std::max(longest_, now - waits_since_) : longest_;
}

void LongConnection::mark(TimePoint now) {
  longest_ = Duration::zero();
  waits_since_ = now;
}

void LongConnection::ask_now() {
  if (state_ == State::running && next_question_.armed()) next_question_.arm(Clock::now());
}

void LongConnection::on_ready(ev::io&, int) {
  if (connected_) return read();
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return end(State::refused);
  connected_ = true;
  io_.set(ev::READ);
  ask();
}

void LongConnection::ask() {
  const std::string path =
      plan_.bytes > 0 ? fmt::format("/big?bytes={}&rate={}", plan_.bytes, plan_.bytes_per_s) : "/";
  const std::string question = fmt::format("GET {} HTTP/1.1\r\nHost: hapair\r\n\r\n", path);
  waits_ = true;
  waits_since_ = Clock::now();
  // The socket's buffer is empty: a question fits, or the connection is dead.
  if (::send(fd_.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) end(State::reset);
}

void LongConnection::read() {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got > 0) return take({buffer.data(), static_cast<size_t>(got)});
  if (got == 0) return end(State::cut_short);
  if (errno != EAGAIN && errno != EINTR) end(State::reset);
}

void LongConnection::take(std::string_view bytes) {
  const TimePoint now = Clock::now();
  if (waits_) longest_ = std::max(longest_, now - waits_since_);
  waits_since_ = now;
  if (in_body_) return take_body(bytes);
  head_ += bytes;
  const size_t end_of_head = head_.find("\r\n\r\n");
  if (end_of_head == std::string::npos) return;
  const std::string body = head_.substr(end_of_head + 4);
  const std::string_view length = between(head_, "Content-Length: ", "\r\n");
  std::from_chars(length.data(), length.data() + length.size(), body_left_);
  checksum_ = between(head_, "X-Checksum: ", "\r\n");
  head_.clear();
  in_body_ = true;
  take_body(body);
}

void LongConnection::take_body(std::string_view bytes) {
  XXH64_update(sum_.get(), bytes.data(), bytes.size());
  bytes_ += bytes.size();
  body_left_ -= std::min<uint64_t>(body_left_, bytes.size());
  if (body_left_ == 0) answered();
}

void LongConnection::answered() {
  in_body_ = false;
  waits_ = false;
  ++answers_;
  if (plan_.bytes == 0) return next_question_.arm(Clock::now() + plan_.ask_every);
  const bool right =
      bytes_ == plan_.bytes && checksum_ == fmt::format("{:016x}", XXH64_digest(sum_.get()));
  end(right ? State::complete : State::wrong_bytes);
}

void LongConnection::end(State state) {
  state_ = state;
  ended_at_ = Clock::now();
  waits_ = false;
  next_question_.disarm();
  io_.stop();
  fd_.reset();
}

}  // namespace hapair::lab
