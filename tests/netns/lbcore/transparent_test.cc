// Servers that see the client's own address and port: with a return path as hapair.conf(5) tells
// to make it, over both families.
#include <array>
#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::HasSubstr;

Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

/// Tells everybody who connects under which address it sees them, and leaves the end to them.
class Mirror {
 public:
  Mirror(const Namespace& in, const Endpoint& listen) : listener_(listen_in(in, listen, 64)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      std::vector<UniqueFd> clients;
      while (!stop.stop_requested()) {
        pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 20) <= 0) continue;
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        UniqueFd client(::accept(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size));
        const std::string seen = Endpoint::from_sockaddr(address).to_string() + "\n";
        (void)!::write(client.get(), seen.data(), seen.size());
        clients.push_back(std::move(client));
      }
    });
  }

 private:
  UniqueFd listener_;
  std::jthread thread_;
};

class Transparent : public LbcoreLab {
 protected:
  static std::string service_and_pool(const std::string& name, const std::string& listen,
                                      const std::string& server) {
    return fmt::format(
        "[service {0}]\nlisten = tcp {1}\npool = {0}\n"
        "[pool {0}]\ncheck = none\ntransparent = yes\n[server {0}/s]\naddress = {2}\n",
        name, listen, server);
  }
  /// What hapair.conf(5) says: on the servers the way back, here the delivery to lbcore.
  void make_return_path() {
    for (size_t number = 1; number <= 3; ++number) {
      server(number).ip_batch(
          "route add 10.0.0.0/24 via 10.0.1.1\nroute add 10.1.0.0/16 via 10.0.1.1\n"
          "addr add fd01::1" +
          std::to_string(number) +
          "/64 dev eth0 nodad\n"
          "route add fd00::/64 via fd01::1\n");
    }
    client().ip("addr add fd00::10/64 dev eth0 nodad");
    lb().ip_batch(
        "addr add fd00::100/64 dev eth0 nodad\naddr add fd01::1/64 dev eth1 nodad\n"
        "rule add fwmark 1 lookup 100\nroute add local 0.0.0.0/0 dev lo table 100\n");
    lb().ip("-6 rule add fwmark 1 lookup 100");
    lb().ip("-6 route add local ::/0 dev lo table 100");
    lb().nft(
        "table inet hapair {\n chain prerouting {\n"
        "  type filter hook prerouting priority mangle; policy accept;\n"
        "  meta l4proto tcp socket transparent 1 meta mark set 1 accept\n }\n}\n");
  }

  struct Seen {
    std::string own;        // the client's address as it knows it
    std::string by_server;  // and as the server told it
  };
  Seen connect(const Endpoint& target, const IpAddress& source = IpAddress()) {
    connections_.push_back(connect_from(client(), target, source));
    const int fd = connections_.back().get();
    std::array<char, 256> buffer{};
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    return {.own = local_endpoint(fd).to_string() + "\n",
            .by_server = got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : ""};
  }
  void close_connections() { connections_.clear(); }

 private:
  std::vector<UniqueFd> connections_;
};

TEST_F(Transparent, TheServerSeesTheClientsAddressAndPortInBothFamilies) {
  make_return_path();
  const Mirror four(server(1), at("10.0.1.11:9000"));
  const Mirror six(server(1), at("[fd01::11]:9000"));
  start("[lbcore]\nworkers = 2\n" + service_and_pool("four", "10.0.0.100:9000", "10.0.1.11:9000") +
        service_and_pool("six", "[fd00::100]:9000", "[fd01::11]:9000"));
  for (const char* const vip : {"10.0.0.100:9000", "[fd00::100]:9000"}) {
    const Seen seen = connect(at(vip));
    EXPECT_EQ(seen.by_server, seen.own) << vip;
  }
  const Seen routed = connect(vip(9000), IpAddress::parse("10.1.2.3").value());
  EXPECT_EQ(routed.by_server, routed.own);
  EXPECT_THAT(routed.own, HasSubstr("10.1.2.3:"));
}

TEST_F(Transparent, APortThatIsTakenCostsThePortAndNotTheAddress) {
  make_return_path();
  const Mirror mirror(server(1), at("10.0.1.11:9000"));
  start("[lbcore]\nworkers = 2\n" + service_and_pool("a", "10.0.0.100:9000", "10.0.1.11:9000") +
        "[service b]\nlisten = tcp 10.0.0.100:9001\npool = a\n");
  // One client's port towards two services that have one server.
  const auto from = [&](uint16_t port) {
    return client().run([&] {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const int on = 1;
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      const timeval patience{.tv_sec = 5, .tv_usec = 0};
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      sockaddr_storage address{};
      socklen_t size = at("10.0.0.10:5555").to_sockaddr(address);
      EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
      size = vip(port).to_sockaddr(address);
      EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
      return fd;
    });
  };
  const auto hear = [](int fd) {
    std::array<char, 256> buffer{};
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : std::string("nothing");
  };
  const UniqueFd first = from(9000);
  EXPECT_EQ(hear(first.get()), "10.0.0.10:5555\n");
  const UniqueFd second = from(9001);
  const std::string seen = hear(second.get());
  EXPECT_THAT(seen, ::testing::StartsWith("10.0.0.10:"));
  EXPECT_NE(seen, "10.0.0.10:5555\n");
}

TEST_F(Transparent, AReloadTurnsItOnAndOff) {
  make_return_path();
  const Mirror mirror(server(1), at("10.0.1.11:9000"));
  const std::string on =
      "[lbcore]\nworkers = 2\n" + service_and_pool("a", "10.0.0.100:9000", "10.0.1.11:9000");
  std::string off = on;
  off.replace(off.find("transparent = yes"), 17, "transparent = no");
  start(off);
  EXPECT_THAT(connect(vip(9000)).by_server, HasSubstr("10.0.1.1:"));
  reload(on);
  EXPECT_TRUE(lbcore().wait_for_output("pool a: transparent no -> yes", 5s));
  EXPECT_TRUE(eventually(5s, [&] {
    const Seen seen = connect(vip(9000));
    return seen.by_server == seen.own;
  }));
}

TEST_F(Transparent, WithoutTheRightItDoesNotStartAndAReloadChangesNothing) {
  const std::string text =
      "[lbcore]\nworkers = 2\n" + service_and_pool("a", "10.0.0.100:9000", "10.0.1.11:9000");
  const std::vector<std::string> unprivileged{"setpriv", "--bounding-set", "-net_admin,-net_raw",
                                              "--inh-caps", "-net_admin,-net_raw"};
  start(config(), true, unprivileged);
  reload(text,
         "refused, nothing has changed: pool a: transparent: IP_TRANSPARENT, which needs "
         "CAP_NET_ADMIN: Operation not permitted");
  EXPECT_TRUE(get().ok());
}

}  // namespace
}  // namespace hapair::test
