#include "lbcore/observe/status_listener.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/result.h"
#include "lbcore/observe/http_request.h"

namespace hapair::lbcore::observe {

namespace {

constexpr Duration kTick = 1s;
constexpr Duration kClosingTime = 2s;
constexpr int kAcceptBatch = 8;
constexpr int kBacklog = 64;

Result<UniqueFd> listen_on(const Endpoint& endpoint) {
  const int family = endpoint.ip.family();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_system("socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // An address that comes later, at boot or with the role.
  if (family == AF_INET) {
    ::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  } else {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return fail_system(endpoint.to_string());
  }
  if (::listen(fd.get(), kBacklog) != 0) return fail_system(endpoint.to_string());
  return fd;
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

/// One request, its answer, the end.
class StatusListener::Client {
 public:
  Client(StatusListener& owner, Id id, UniqueFd fd)
      : owner_(owner),
        id_(id),
        fd_(std::move(fd)),
        until_(owner.loop_.now() + kRequestTime),
        watcher_(owner.loop_.raw()) {
    watcher_.set<Client, &Client::on_event>(this);
    watcher_.start(fd_.get(), ev::READ);
  }

  [[nodiscard]] TimePoint until() const { return until_; }

 private:
  enum class Phase : uint8_t { reading, writing, closing };

  void on_event(ev::io&, int) {
    switch (phase_) {
      case Phase::reading:
        return read();
      case Phase::writing:
        return write();
      case Phase::closing:
        return read_rest();
    }
  }

  void read() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return owner_.drop(id_);
    parser_.feed({buffer.data(), static_cast<size_t>(got)});
    switch (parser_.state()) {
      case HttpRequestParser::State::reading:
        return;
      case HttpRequestParser::State::done:
        return answer(owner_.pages_(parser_.path()));
      case HttpRequestParser::State::refused:
        return answer(text_page(parser_.refusal(), std::string(reason(parser_.refusal()))));
    }
  }

  void answer(Page page) {
    body_ = std::move(page.body);
    std::string first;
    fill(first);
    std::string length;
    if (!body_) {
      length = fmt::format("Content-Length: {}\r\n", first.size());
    } else if (parser_.http_1_1()) {
      chunked_ = true;
      length = "Transfer-Encoding: chunked\r\n";
    }  // else the end of the connection is the end of the body
    out_ = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}{}Cache-Control: no-store\r\nConnection: "
        "close\r\n\r\n",
        page.status, reason(page.status), page.type, length,
        page.status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (parser_.head()) {
      body_.reset();
    } else {
      append(first);
    }
    phase_ = Phase::writing;
    write();
  }

  /// The next piece of the body; it is gone after the last.
  void fill(std::string& out) {
    if (body_ && !body_->append_piece(out)) body_.reset();
  }

  void append(std::string_view piece) {
    if (!chunked_) {
      out_ += piece;
      return;
    }
    if (!piece.empty()) out_ += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    if (!body_) out_ += "0\r\n\r\n";
  }

  /// One piece per turn of the loop.
  void write() {
    if (out_.empty()) {
      std::string piece;
      fill(piece);
      append(piece);
    }
    const ssize_t sent = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return owner_.drop(id_);
    if (sent > 0) {
      until_ = owner_.loop_.now() + kStallTime;
      out_.erase(0, static_cast<size_t>(sent));
    }
    if (out_.empty() && !body_) return close_orderly();
    watcher_.start(fd_.get(), ev::WRITE);
  }

  /// A close with something unread would be a reset, and take back the answer.
  void close_orderly() {
    phase_ = Phase::closing;
    until_ = owner_.loop_.now() + kClosingTime;
    ::shutdown(fd_.get(), SHUT_WR);
    watcher_.start(fd_.get(), ev::READ);
  }

  void read_rest() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
    owner_.drop(id_);
  }

  StatusListener& owner_;
  const Id id_;
  UniqueFd fd_;
  TimePoint until_;
  Phase phase_ = Phase::reading;
  HttpRequestParser parser_;
  std::unique_ptr<Body> body_;
  bool chunked_ = false;
  std::string out_;
  ev::io watcher_;
};

StatusListener::StatusListener(EventLoop& loop, Logger& log, Pages pages)
    : loop_(loop),
      log_(log),
      pages_(std::move(pages)),
      watcher_(loop.raw()),
      ticker_(loop, kTick, [this] { on_tick(); }) {
  watcher_.set<StatusListener, &StatusListener::on_acceptable>(this);
}

StatusListener::~StatusListener() = default;

void StatusListener::configure(const std::optional<Endpoint>& listen) {
  if (listen == listen_) return;
  listen_ = listen;
  watcher_.stop();
  fd_.reset();
  trouble_.clear();
  if (listen_) open();
}

void StatusListener::adopt(const Endpoint& listen, UniqueFd listener) {
  listen_ = listen;
  fd_ = std::move(listener);
  watcher_.start(fd_.get(), ev::READ);
}

void StatusListener::open() {
  auto fd = listen_on(*listen_);
  if (!fd) {
    const std::string why = "status_listen: " + fd.error().message;
    if (why != trouble_) log_.environment("status", "{}; tried again every second", why);
    trouble_ = why;
    return;
  }
  fd_ = std::move(*fd);
  watcher_.start(fd_.get(), ev::READ);
  trouble_.clear();
  log_.info("status", "listens on {}", listen_->to_string());
}

void StatusListener::on_acceptable(ev::io&, int) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      // Out of descriptors: it would call again and again until there are some.
      if (errno != EAGAIN && errno != ECONNABORTED) watcher_.stop();
      return;
    }
    if (clients_.size() >= kMostClients) clients_.erase(clients_.begin());
    const Id id = next_id_++;
    clients_[id] = std::make_unique<Client>(*this, id, std::move(fd));
  }
}

void StatusListener::on_tick() {
  if (listen_ && !fd_) open();
  if (fd_ && !watcher_.is_active()) watcher_.start(fd_.get(), ev::READ);
  std::erase_if(clients_,
                [this](const auto& entry) { return entry.second->until() <= loop_.now(); });
}

void StatusListener::drop(Id id) {
  // The client is still on the stack below us.
  loop_.defer([this, id] { clients_.erase(id); });
}

}  // namespace hapair::lbcore::observe
