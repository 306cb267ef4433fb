// A real worker thread on loopback; the test itself plays clients and servers with blocking
// sockets.
#pragma once

#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/log.h"
#include "lbcore/relay/connection_budget.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"
#include "tests/support/files.h"
#include "tests/support/wait.h"

namespace hapair::lbcore::relay::test {

using hapair::test::eventually;

inline Endpoint loopback(uint16_t port) {
  return {IpAddress::parse("127.0.0.1").value(), port};
}

/// A connected stream with short words for what a test does to it.
class Stream {
 public:
  Stream() = default;
  explicit Stream(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval five_seconds{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &five_seconds, sizeof five_seconds);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &five_seconds, sizeof five_seconds);
  }

  static Stream to(const Endpoint& endpoint) {
    Stream stream(UniqueFd(::socket(endpoint.ip.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)));
    sockaddr_storage address{};
    const socklen_t size = endpoint.to_sockaddr(address);
    EXPECT_EQ(::connect(stream.fd(), reinterpret_cast<const sockaddr*>(&address), size), 0)
        << endpoint.to_string();
    return stream;
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool valid() const { return fd_.valid(); }
  void say(const std::string& text) {
    ASSERT_EQ(::send(fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Text as it came, "EOF", "RESET", or the error's text (a timeout: "Resource temporarily ...").
  std::string hear() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (got > 0) return {buffer.data(), static_cast<size_t>(got)};
    if (got == 0) return "EOF";
    return errno == ECONNRESET ? "RESET" : std::system_category().message(errno);
  }
  /// Waits until something has arrived, and leaves it unread.
  void expect_arrival() {
    char byte = 0;
    EXPECT_EQ(::recv(fd(), &byte, 1, MSG_PEEK), 1);
  }
  void half_close() { ::shutdown(fd(), SHUT_WR); }
  void close() { fd_.reset(); }
  void reset() { close_with_reset(std::move(fd_)); }

 private:
  UniqueFd fd_;
};

/// A server that the test plays: accepts on demand.
class Backend {
 public:
  Backend() : endpoint(loopback(hapair::test::free_port())), listener_(open(endpoint)) {}
  Stream accept() {
    const timeval five_seconds{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVTIMEO, &five_seconds, sizeof five_seconds);
    UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
    EXPECT_TRUE(fd.valid()) << "nobody connected";
    return Stream(std::move(fd));
  }
  [[nodiscard]] int fd() const { return listener_.get(); }
  void close() { listener_.reset(); }

  const Endpoint endpoint;

 private:
  static UniqueFd open(const Endpoint& endpoint) {
    auto sockets = open_listeners(endpoint, 1, false);
    EXPECT_TRUE(sockets);
    // Tests accept with a timeout: blocking.
    UniqueFd fd = std::move((*sockets)[0]);
    const int flags = ::fcntl(fd.get(), F_GETFL);
    ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    return fd;
  }
  UniqueFd listener_;
};

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    spec.pools.push_back(
        {.name = "web",
         .scheduler = balance::Algorithm::rr,
         .connect_timeout = 300ms,
         .servers = {{.name = "a", .address = a.endpoint}, {.name = "b", .address = b.endpoint}}});
    spec.services.push_back(
        {.name = "web", .listen = loopback(hapair::test::free_port()), .pool = "web"});
  }

  /// Makes `spec` what the worker routes by; servers are up.
  void publish() {
    Worker::Sockets opened;
    std::map<ListenKey, bool> now;
    for (const ServiceSpec& service : spec.services) {
      const ListenKey key{service.protocol, service.listen};
      now[key] = true;
      if (listening[key]) continue;
      const bool udp = service.protocol == Protocol::udp;
      auto sockets = udp ? open_datagram_listeners(service.listen, 1, true)
                         : open_listeners(service.listen, 1, true);
      ASSERT_TRUE(sockets) << sockets.error().message;
      opened[key] = std::move(*sockets);
    }
    listening = now;
    topology = registry.build(spec);
    for (const auto& pool : topology->pools) {
      for (const Server& server : pool->servers) server.live->up = true;
    }
    sessions.configure(*topology, Clock::now());
    worker->publish(topology, std::move(opened));
    settle();
  }
  /// Waits until the worker has done what it was told so far.
  void settle() {
    worker->ask();
    ASSERT_TRUE(eventually(5s, [&] { return worker->answered(); }));
  }

  Stream connect() { return Stream::to(spec.services[0].listen); }
  LiveServer& live(size_t index) { return *topology->pools[0]->servers[index].live; }
  Counters& service_counters() { return topology->services[0]->live->counters; }
  /// Every count of open connections is back at zero.
  void expect_idle() {
    EXPECT_TRUE(eventually(
        5s, [&] { return budget.in_use() + budget.flows() == 0 && service_counters().active == 0; },
        "idle"));
    for (const Server& server : topology->pools[0]->servers) {
      EXPECT_EQ(server.live->counters.active, 0U) << server.spec.name;
    }
  }

  Backend a;
  Backend b;
  Spec spec;
  Logger log{"test"};
  Registry registry;
  sticky::SessionStore sessions{[this](ServerId id) { return registry.find(id); }, 1000, [] {}};
  ConnectionBudget budget{1000};
  std::shared_ptr<const Topology> topology;
  std::map<ListenKey, bool> listening;
  std::unique_ptr<Worker> worker = std::make_unique<Worker>(log, sessions, budget, 0);
};

}  // namespace hapair::lbcore::relay::test
