// Real servers on loopback that misbehave on purpose, and a loop that runs until something has
// happened.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::health {

/// A TCP socket on 127.0.0.1 with a port of its own. Nobody else can get that port as long as it
/// lives.
class BoundSocket {
 public:
  explicit BoundSocket(const char* ip = "127.0.0.1")
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, ip, &address.sin_addr);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_.get(), generic, length) != 0 ||
        ::getsockname(fd_.get(), generic, &length) != 0) {
      throw std::system_error(errno, std::system_category(), "bind");
    }
    port_ = ntohs(address.sin_port);
  }
  void listen(int backlog = 128) const { ::listen(fd_.get(), backlog); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Endpoint at(const char* ip = "127.0.0.1") const {
    return {IpAddress::parse(ip).value(), port_};
  }

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
};

/// Calls `serve` on a thread of its own for every connection, one after the other.
class Server {
 public:
  using Serve = std::function<void(int fd)>;

  explicit Server(Serve serve, const char* ip = "127.0.0.1")
      : socket_(ip), serve_(std::move(serve)) {
    socket_.listen();
    thread_ = std::thread([this] { run(); });
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// From now on connections are refused.
  void stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    ::shutdown(socket_.fd(), SHUT_RDWR);  // wakes accept, and the port stays ours
    thread_.join();
  }
  [[nodiscard]] Endpoint address() const { return socket_.at(); }
  [[nodiscard]] Endpoint at(const char* ip) const { return socket_.at(ip); }

 private:
  void run() {
    while (!stopping_) {
      const UniqueFd fd(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) continue;
      const timeval limit{.tv_sec = 5, .tv_usec = 0};  // a test that hangs fails instead
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      serve_(fd.get());
    }
  }

  BoundSocket socket_;
  Serve serve_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

inline void send_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

/// Until the end of the request's head, or of the stream.
inline std::string read_request(int fd) {
  std::string out;
  char c = 0;
  while (!out.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1) out += c;
  return out;
}

/// Reads to the end of the stream; what ended it: 0 for a proper close, else errno.
inline int wait_for_close(int fd) {
  char buffer[4096];
  while (true) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count == 0) return 0;
    if (count < 0) return errno;
  }
}

/// Answers every request with `text` and waits until the client has closed.
inline Server::Serve answering(std::string text) {
  return [text = std::move(text)](int fd) {
    read_request(fd);
    send_text(fd, text);
    ::shutdown(fd, SHUT_WR);
    wait_for_close(fd);
  };
}

/// Runs `loop` until `condition`; false when that takes longer than 5 s.
inline bool run_until(EventLoop& loop, const std::function<bool()>& condition) {
  const Ticker ticker(loop, 2ms, [] {});
  const TimePoint deadline = loop.refresh_now() + 5s;
  while (!condition()) {
    if (loop.now() > deadline) return false;
    loop.run_once();
  }
  return true;
}

/// No descriptor can be opened while this lives. Let what is tested run once before: UBSan needs a
/// descriptor when it meets a type for the first time.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(next.get());
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace hapair::lbcore::health
