#include "tools/lab/origin.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <xxhash.h>

#include "common/result.h"

namespace hapair::lab {

namespace {

constexpr size_t kMaxHead = 16384;
constexpr size_t kChunk = 65536;
constexpr Duration kPace = 20ms;  // between two pieces of a paced answer

/// /big is a repetition of this text: any prefix of it can be made without keeping it.
constexpr std::string_view kPattern =
    "hapair: two boxes become one load balancer that loses a node without losing a session.\n";

void append_pattern(std::string& out, uint64_t offset, size_t bytes) {
  for (size_t made = 0; made < bytes;) {
    const size_t at = (offset + made) % kPattern.size();
    const size_t take = std::min(bytes - made, kPattern.size() - at);
    out.append(kPattern.substr(at, take));
    made += take;
  }
}

/// An xxHash64 in the making; the library keeps its layout to itself.
class Checksum {
 public:
  Checksum() : state_(XXH64_createState(), &XXH64_freeState) { reset(); }
  void reset() { XXH64_reset(state_.get(), 0); }
  void add(std::string_view bytes) { XXH64_update(state_.get(), bytes.data(), bytes.size()); }
  [[nodiscard]] uint64_t value() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state_;
};

uint64_t pattern_checksum(uint64_t bytes) {
  Checksum sum;
  std::string chunk;
  for (uint64_t done = 0; done < bytes; done += chunk.size()) {
    chunk.clear();
    append_pattern(chunk, done, static_cast<size_t>(std::min<uint64_t>(kChunk, bytes - done)));
    sum.add(chunk);
  }
  return sum.value();
}

uint64_t leading_number(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The number behind `name=` in a query, e.g. 5 for "ms" in "/slow?ms=5"; 0 without one.
uint64_t query_number(std::string_view target, std::string_view name) {
  const size_t at = target.find(fmt::format("{}=", name));
  return at == std::string_view::npos ? 0 : leading_number(target.substr(at + name.size() + 1));
}

/// The value of a header, with names compared without case; "" when absent.
std::string header_value(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  const std::string wanted = fmt::format("\r\n{}:", name);
  const auto* found = std::search(head.begin(), head.end(), wanted.begin(), wanted.end(), same);
  if (found == head.end()) return {};
  std::string_view rest = head.substr(static_cast<size_t>(found - head.begin()) + wanted.size());
  rest = rest.substr(0, rest.find("\r\n"));
  const size_t begin = rest.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string() : std::string(rest.substr(begin));
}

}  // namespace

/// One client: reads a request, queues its answer, reads the next one when the answer is out.
class Origin::Connection {
 public:
  Connection(Origin& origin, uint64_t id, UniqueFd fd, const Endpoint& peer)
      : origin_(origin),
        id_(id),
        fd_(std::move(fd)),
        peer_(peer.ip.to_string()),
        delay_(origin.loop_, [this] { big_left_ > 0 ? proceed() : serve_later(); }),
        watcher_(origin.loop_.raw()) {
    watcher_.set<Connection, &Connection::on_ready>(this);
    watcher_.start(fd_.get(), ev::READ);
  }

 private:
  void on_ready(ev::io&, int events) {
    if ((events & ev::READ) != 0 && !read_some()) return;
    proceed();
  }

  bool read_some() {
    std::array<char, kChunk> buffer{};
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      in_.append(buffer.data(), static_cast<size_t>(got));
    } else if (got == 0 && delay_.armed()) {  // the client has said all, but waits for its answer
      closing_ = true;
      watcher_.stop();
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      origin_.drop(id_);
      return false;
    }
    return true;
  }

  void proceed() {
    for (;;) {
      if (!write_some()) return;
      if (!out_.empty() || big_left_ > 0 || delay_.armed()) break;  // one answer at a time
      if (closing_) return origin_.drop(id_);
      if (!take_request()) break;
    }
    const bool blocked = !out_.empty() || (big_left_ > 0 && !delay_.armed());
    watcher_.set(blocked ? ev::WRITE : ev::READ);
    if (blocked && !watcher_.is_active()) watcher_.start();
  }

  /// False when the connection is gone.
  bool write_some() {
    while (!out_.empty() || big_left_ > 0) {
      if (out_.empty() && delay_.armed()) return true;
      if (out_.empty()) next_piece();
      const ssize_t sent = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        origin_.drop(id_);
        return false;
      }
      out_.erase(0, static_cast<size_t>(sent));
    }
    return true;
  }

  void next_piece() {
    const auto bytes = static_cast<size_t>(std::min<uint64_t>(big_piece_, big_left_));
    append_pattern(out_, big_offset_, bytes);
    big_offset_ += bytes;
    big_left_ -= bytes;
    if (big_piece_ < kChunk && big_left_ > 0) delay_.arm(Clock::now() + kPace);
  }

  /// Takes one whole request out of in_ and queues its answer; false when there is none yet.
  bool take_request() {
    if (body_left_ > 0) return take_body();
    const size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return in_.size() > kMaxHead && refuse(431, "header too large\n");
    const std::string head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    const size_t first = head.find(' ');
    const size_t second = head.find_first_of(" \r", first + 1);
    if (first == std::string::npos || second == std::string::npos)
      return refuse(400, "no request\n");
    closing_ = header_value(head, "connection") == "close";
    target_ = head.substr(first + 1, second - first - 1);
    const std::string length = header_value(head, "content-length");
    body_left_ = leading_number(length);
    if (body_left_ > 0) {
      body_bytes_ = body_left_;
      body_sum_.reset();
      return take_body();
    }
    serve();
    return true;
  }

  bool refuse(int status, std::string_view why) {
    closing_ = true;
    answer(status, why);
    return true;
  }

  bool take_body() {
    const auto take = static_cast<size_t>(std::min<uint64_t>(in_.size(), body_left_));
    body_sum_.add({in_.data(), take});
    in_.erase(0, take);
    body_left_ -= take;
    if (body_left_ > 0) return false;
    answer(200, fmt::format("{} {:016x}\n", body_bytes_, body_sum_.value()));
    return true;
  }

  void serve() {
    const std::string path = target_.substr(0, target_.find('?'));
    if (path == "/health") {
      answer(origin_.health_status_, origin_.health_status_ == 200 ? "ok\n" : "not well\n");
    } else if (path == "/set") {
      const uint64_t status = query_number(target_, "health");
      origin_.health_status_ = static_cast<int>(std::clamp<uint64_t>(status, 200, 599));
      answer(200, fmt::format("health {}\n", origin_.health_status_));
    } else if (path == "/slow") {
      const auto wait = std::chrono::milliseconds(query_number(target_, "ms"));
      delay_.arm(origin_.loop_.now() + wait);
    } else if (path == "/big") {
      big_left_ = query_number(target_, "bytes");
      big_offset_ = 0;
      const uint64_t rate = query_number(target_, "rate");
      big_piece_ =
          rate == 0 ? kChunk : std::clamp<uint64_t>(rate * (kPace / 1ms) / 1000, 1, kChunk);
      queue_head(200, big_left_,
                 fmt::format("X-Checksum: {:016x}\r\n", origin_.checksum_of(big_left_)));
    } else {
      answer(200, fmt::format("{} for {}\n", origin_.name_, peer_));
    }
  }

  void serve_later() {
    answer(200, fmt::format("{} for {}\n", origin_.name_, peer_));
    proceed();
  }

  void answer(int status, std::string_view body) {
    queue_head(status, body.size(), "");
    out_ += body;
  }

  void queue_head(int status, uint64_t length, std::string_view more) {
    out_ += fmt::format(
        "HTTP/1.1 {} {}\r\nServer: origin\r\nX-Server: {}\r\nContent-Type: text/plain\r\n"
        "Content-Length: {}\r\n{}{}\r\n",
        status, status < 400 ? "OK" : "No", origin_.name_, length, more,
        closing_ ? "Connection: close\r\n" : "");
  }

  Origin& origin_;
  uint64_t id_;
  UniqueFd fd_;
  std::string peer_;
  std::string in_;
  std::string out_;
  std::string target_;
  uint64_t big_left_ = 0;
  uint64_t big_offset_ = 0;
  uint64_t big_piece_ = kChunk;
  uint64_t body_left_ = 0;
  uint64_t body_bytes_ = 0;
  Checksum body_sum_;
  bool closing_ = false;
  Deadline delay_;  // of a slow answer, or of the next piece
  ev::io watcher_;
};

Origin::Origin(EventLoop& loop, std::string name, const Endpoint& listen)
    : loop_(loop), name_(std::move(name)), watcher_(loop.raw()) {
  listener_ = UniqueFd(::socket(listen.ip.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t length = listen.to_sockaddr(address);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(listener_.get(), 1024) != 0) {
    throw_system("listen on " + listen.to_string());
  }
  watcher_.set<Origin, &Origin::on_acceptable>(this);
  watcher_.start(listener_.get(), ev::READ);
}

Origin::~Origin() = default;

void Origin::on_acceptable(ev::io&, int) {
  for (int accepted = 0; accepted < 64; ++accepted) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const uint64_t id = next_id_++;
    connections_.emplace(id, std::make_unique<Connection>(*this, id, std::move(fd),
                                                          Endpoint::from_sockaddr(address)));
  }
}

uint64_t Origin::checksum_of(uint64_t bytes) {
  if (bytes != known_.bytes || bytes == 0)
    known_ = {.bytes = bytes, .checksum = pattern_checksum(bytes)};
  return known_.checksum;
}

void Origin::drop(uint64_t id) {
  // The connection is on the stack of its own callback: it goes after the batch.
  loop_.defer([this, id] { connections_.erase(id); });
}

}  // namespace hapair::lab
