// Checks where the network itself is in the way: ports used up, no address to speak from, packets
// that vanish or are refused on the way. In a namespace, because all of that is set for a whole
// network stack.

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "lbcore/health/monitor.h"
#include "lbcore/health/probe.h"
#include "tests/support/namespace.h"
#include "tests/support/root_test.h"
#include "tests/unit/lbcore/health/loopback.h"

namespace hapair::lbcore::health {
namespace {

class HealthNetns : public test::RootTest {
 protected:
  void SetUp() override {
    test::RootTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) space_.emplace("health");
  }

  /// One probe inside the namespace.
  static ProbeResult probe(const Endpoint& server, const char* check) {
    EventLoop loop;
    ProbeTools tools(loop);
    std::optional<ProbeResult> result;
    const auto probe = make_probe(tools, server, parse_check(check).value(),
                                  [&](const ProbeResult& found) { result = found; });
    probe->start();
    EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
    return result.value_or(ProbeResult{});
  }

  std::optional<test::Namespace> space_;
};

TEST_F(HealthNetns, UsedUpPortsAreNotTheServersFault) {
  space_->sysctl("ipv4.ip_local_port_range", "40000 40003");
  space_->run([] {
    BoundSocket socket;
    socket.listen();
    sockaddr_storage address{};
    const socklen_t length = socket.at().to_sockaddr(address);
    std::vector<UniqueFd> clients;
    int error = 0;
    while (error == 0 && clients.size() < 8) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const bool connected =
          ::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
      error = connected ? 0 : errno;
    }
    ASSERT_EQ(error, EADDRNOTAVAIL);
    EXPECT_EQ(probe(socket.at(), "tcp").text(), "SOCKERR Cannot assign requested address");
    clients.clear();
  });
}

TEST_F(HealthNetns, AServerOfAFamilyThatThisNodeDoesNotSpeakIsDown) {
  space_->sysctl("ipv6.conf.all.disable_ipv6", "1");
  space_->run([] {
    EXPECT_EQ(probe(Endpoint::parse("[::1]:80").value(), "tcp").text(),
              "L4CON Cannot assign requested address");
    EXPECT_EQ(probe(Endpoint::parse("192.0.2.1:80").value(), "tcp").text(),
              "L4CON Network is unreachable");
  });
}

TEST_F(HealthNetns, ARefusalOnTheWayIsNamed) {
  space_->nft(R"(
    table inet t {
      chain in {
        type filter hook input priority 0;
        tcp dport 80 reject with icmp type host-unreachable
        tcp dport 81 reject with tcp reset
      }
    })");
  space_->run([] {
    EXPECT_EQ(probe(Endpoint::parse("127.0.0.1:80").value(), "tcp").text(),
              "L4CON No route to host");
    EXPECT_EQ(probe(Endpoint::parse("127.0.0.1:81").value(), "tcp").text(),
              "L4CON Connection refused");
  });
}

// In a namespace of its own: whether a ping needs a raw socket is a setting of the network stack.
TEST_F(HealthNetns, AMachineAnswersAPing) {
  for (const auto* groups : {"1 0", "0 2147483647"}) {
    space_->sysctl("ipv4.ping_group_range", groups);
    space_->run([] {
      EXPECT_EQ(probe(Endpoint::parse("127.0.0.1:80").value(), "icmp").code, ProbeCode::l4ok);
      EXPECT_EQ(probe(Endpoint::parse("[::1]:80").value(), "icmp").code, ProbeCode::l4ok);
      EXPECT_EQ(probe(Endpoint::parse("192.0.2.1:80").value(), "icmp").text(),
                "L4CON Network is unreachable");
    });
  }
  space_->nft(R"(
    table inet t {
      chain in {
        type filter hook input priority 0
        ip daddr 127.0.0.2 icmp type echo-request reject with icmp type host-unreachable
        ip daddr 127.0.0.3 icmp type echo-request drop
      }
    })");
  space_->run([] {
    EXPECT_EQ(probe(Endpoint::parse("127.0.0.2:80").value(), "icmp").text(),
              "L4CON No route to host");
    EXPECT_EQ(probe(Endpoint::parse("127.0.0.3:80").value(), "icmp timeout 80ms").text(),
              "L4TOUT no answer in 80ms");
  });
}

// A server that falls silent, as one whose machine lost power does: only timeouts tell.
TEST_F(HealthNetns, ASilentServerGoesDownAndComesBack) {
  space_->nft("table inet t {\n chain in {\n type filter hook input priority 0\n }\n}");
  space_->run([this] {
    EventLoop loop;
    Logger log("lbcore");
    Server server(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    auto pool = std::make_shared<Pool>();
    pool->spec.name = "web";
    pool->spec.check = parse_check("http interval 100ms timeout 100ms fall 2 rise 2").value();
    const auto live = std::make_shared<LiveServer>(0, "web", server.address());
    pool->servers.push_back({{.name = "a", .address = server.address()}, live});
    Topology topology;
    topology.pools = {pool};

    Monitor monitor(loop, log, {});
    monitor.configure(topology);
    EXPECT_TRUE(run_until(loop, [&] { return live->up.load(); }));
    space_->nft("add rule inet t in tcp dport " + std::to_string(server.address().port) + " drop");
    EXPECT_TRUE(run_until(loop, [&] { return !live->up; }));
    EXPECT_EQ(live->last_result, "L4TOUT no connection in 100ms");
    space_->nft("flush chain inet t in");
    EXPECT_TRUE(run_until(loop, [&] { return live->up.load(); }));
  });
}

}  // namespace
}  // namespace hapair::lbcore::health
