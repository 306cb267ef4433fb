#include "tests/bench/relay/load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/result.h"
#include "common/unique_fd.h"
#include "tests/bench/relay/backend.h"

namespace hapair::test::bench {

namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

sockaddr_in to_sockaddr(const std::string& address, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

int open_socket(int type = SOCK_STREAM) {
  const int fd = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw_system("open a socket of the client");
  const int on = 1;
  if (type == SOCK_STREAM) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

class Client {
 public:
  Client(const Load& load, const sockaddr_in& server)
      : load_(load), server_(server), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~Client() {
    for (const Connection& connection : connections_) {
      if (connection.fd >= 0) ::close(connection.fd);
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Outcome run(Meter& meter) {
    connections_.resize(load_.connections);
    for (size_t i = 0; i < connections_.size(); ++i) open(i);
    const TimePoint begin = Clock::now() + load_.warm_up;
    turn_until(begin);
    out_ = {};
    meter.begin();
    const TimePoint started = Clock::now();
    turn_until(started + load_.window);
    meter.end();
    out_.took = Clock::now() - started;
    std::ranges::sort(out_.delays);
    return std::move(out_);
  }

 private:
  struct Connection {
    int fd = -1;
    bool connecting = false;
    size_t got = 0;
    TimePoint due = {};
  };

  void open(size_t index) {
    Connection& connection = connections_[index];
    const bool datagrams = load_.kind == Load::Kind::datagrams;
    connection = {.fd = open_socket(datagrams ? SOCK_DGRAM : SOCK_STREAM), .connecting = true};
    sockaddr_in to = server_;
    to.sin_port = htons(static_cast<uint16_t>(ntohs(server_.sin_port) + opened_++ % load_.ports));
    if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
      throw_system("connect the client");
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd, &event);
  }

  void again(size_t index) {
    ::close(connections_[index].fd);
    open(index);
  }

  void ask(size_t index) {
    Connection& connection = connections_[index];
    connection.got = 0;
    const auto sent = ::send(connection.fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(kRequest.size())) failed(index);
  }

  void failed(size_t index) {
    ++out_.errors;
    again(index);
  }

  void ready(size_t index) {
    if (load_.kind == Load::Kind::paced) {
      free_.push_back(index);
    } else {
      ask(index);
    }
  }

  void answered(size_t index) {
    ++out_.answers;
    switch (load_.kind) {
      case Load::Kind::brief:
        return again(index);
      case Load::Kind::paced:
        out_.delays.push_back(Clock::now() - connections_[index].due);
        free_.push_back(index);
        return;
      case Load::Kind::keep_alive:
      case Load::Kind::bulk:
      case Load::Kind::datagrams:
        return ask(index);
    }
  }

  void on_event(size_t index, uint32_t events) {
    Connection& connection = connections_[index];
    if (connection.connecting) {
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) return failed(index);
      if ((events & EPOLLOUT) == 0) return;
      connection.connecting = false;
      return ready(index);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    while (true) {
      const ssize_t got = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return failed(index);
      out_.bytes += static_cast<uint64_t>(got);
      if (load_.kind == Load::Kind::bulk) continue;
      connection.got += static_cast<size_t>(got);
      if (connection.got >= kAnswerBytes) return answered(index);
    }
  }

  /// Asks what is due by now; until when nothing more is.
  TimePoint keep_pace(TimePoint now) {
    const auto step =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / load_.rate));
    if (next_ == TimePoint{}) next_ = now;
    for (; next_ <= now; next_ += step) waiting_.push_back(next_);
    while (!waiting_.empty() && !free_.empty()) {
      const size_t index = free_.front();
      free_.pop_front();
      connections_[index].due = waiting_.front();
      waiting_.pop_front();
      ask(index);
    }
    return next_;
  }

  void turn_until(TimePoint end) {
    for (TimePoint now = Clock::now(); now < end; now = Clock::now()) {
      TimePoint wake = end;
      if (load_.kind == Load::Kind::paced) wake = std::min(wake, keep_pace(now));
      const Duration left = std::max<Duration>(wake - Clock::now(), Duration::zero());
      const timespec timeout{.tv_sec = left / 1s, .tv_nsec = (left % 1s).count()};
      const int ready =
          ::epoll_pwait2(epoll_.get(), events_.data(), events_.size(), &timeout, nullptr);
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events_[static_cast<size_t>(i)];
        on_event(event.data.u64, event.events);
      }
    }
  }

  const Load& load_;
  const sockaddr_in server_;
  size_t opened_ = 0;
  UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> free_;        // of `paced`: those that nobody waits for
  std::deque<TimePoint> waiting_;  // due, without a connection yet
  TimePoint next_ = {};
  std::array<epoll_event, 256> events_{};
  std::array<char, size_t{256} << 10> buffer_{};
  Outcome out_;
};

}  // namespace

Outcome apply(const Load& load, const std::string& address, uint16_t port, Meter& meter) {
  return std::make_unique<Client>(load, to_sockaddr(address, port))->run(meter);
}

Idle::Idle(const std::string& address, uint16_t port, size_t connections) {
  const sockaddr_in server = to_sockaddr(address, port);
  std::array<char, 4096> buffer{};
  for (size_t i = 0; i < connections; ++i) {
    const int fd = open_socket();
    fds_.push_back(fd);
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    (void)::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    if (::poll(&waiting, 1, 5000) != 1) continue;
    (void)::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    waiting.events = POLLIN;
    if (::poll(&waiting, 1, 5000) == 1 && ::recv(fd, buffer.data(), buffer.size(), 0) > 0) {
      ++answered_;
    }
  }
}

Idle::~Idle() {
  for (const int fd : fds_) ::close(fd);
}

}  // namespace hapair::test::bench
