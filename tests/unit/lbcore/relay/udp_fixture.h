// A worker with a UDP service on loopback; the test plays clients and servers.
#pragma once

#include <string>

#include <sys/socket.h>

#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {

/// One end of datagrams, with short words for what a test does to it.
class Peer {
 public:
  explicit Peer(const IpAddress& ip = loopback(0).ip)
      : fd_(::socket(ip.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const timeval five_seconds{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &five_seconds, sizeof five_seconds);
    const int bytes = 4 << 20;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    sockaddr_storage name{};
    socklen_t size = Endpoint{ip, 0}.to_sockaddr(name);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
    size = sizeof name;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &size);
    endpoint = Endpoint::from_sockaddr(name);
  }

  void say(const std::string& text, const Endpoint& to) {
    sockaddr_storage name{};
    const socklen_t size = to.to_sockaddr(name);
    EXPECT_EQ(::sendto(fd_.get(), text.data(), text.size(), 0,
                       reinterpret_cast<const sockaddr*>(&name), size),
              static_cast<ssize_t>(text.size()))
        << std::system_category().message(errno);
  }
  /// What came, or the error's text; `from` is who sent it.
  std::string hear() {
    std::string text(size_t{64} << 10, '\0');
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    const ssize_t got = ::recvfrom(fd_.get(), text.data(), text.size(), 0,
                                   reinterpret_cast<sockaddr*>(&name), &size);
    if (got < 0) return std::system_category().message(errno);
    from = Endpoint::from_sockaddr(name);
    text.resize(static_cast<size_t>(got));
    return text;
  }
  /// Hears one and says it back with `prefix` before it.
  void echo(const std::string& prefix) { say(prefix + hear(), from); }
  void close() { fd_.reset(); }

  Endpoint endpoint;
  Endpoint from;

 private:
  UniqueFd fd_;
};

class Udp : public WorkerTest {
 protected:
  void SetUp() override {
    spec.pools.push_back({.name = "web",
                          .scheduler = balance::Algorithm::rr,
                          .servers = {{.name = "a", .address = server_a.endpoint},
                                      {.name = "b", .address = server_b.endpoint}}});
    spec.services.push_back({.name = "web",
                             .protocol = Protocol::udp,
                             .listen = loopback(hapair::test::free_port()),
                             .pool = "web"});
  }
  [[nodiscard]] const Endpoint& vip() const { return spec.services[0].listen; }

  Peer server_a;
  Peer server_b;
};

}  // namespace hapair::lbcore::relay::test
