// The limits of a service through a real worker: who is let in, who is reset, what is counted.
#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

class LimitTest : public WorkerTest {
 protected:
  ServiceRelay& relay() { return spec.services[0].relay; }
  uint64_t refused(Refusal reason) {
    return topology->services[0]->live->refused[static_cast<size_t>(reason)];
  }
  Stream connect_from(const std::string& source) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    socklen_t size = Endpoint{IpAddress::parse(source).value(), 0}.to_sockaddr(address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    size = spec.services[0].listen.to_sockaddr(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    return Stream(std::move(fd));
  }
  /// Served by a server, that is.
  void expect_served(Stream& client) {
    client.say("x");
    Stream server = (next_++ % 2 == 0 ? a : b).accept();
    EXPECT_EQ(server.hear(), "x");
    servers_.push_back(std::move(server));
  }

 private:
  int next_ = 0;
  std::vector<Stream> servers_;
};

TEST_F(LimitTest, MoreThanMaxConnectionsAreResetUntilOneEnds) {
  relay().max_connections = 2;
  publish();
  Stream first = connect();
  Stream second = connect();
  expect_served(first);
  expect_served(second);
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::max_connections) == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 2; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 2; }))
      << "who is refused is no connection";
  EXPECT_TRUE(eventually(5s, [&] { return budget.in_use() == 2; }));
  first.reset();
  ASSERT_TRUE(eventually(5s, [&] { return service_counters().active == 1; }));
  Stream third = connect();
  expect_served(third);
}

TEST_F(LimitTest, AFasterRateIsReset) {
  relay().max_rate = 1;
  publish();
  Stream first = connect();
  expect_served(first);
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::max_rate) == 1; }));
}

TEST_F(LimitTest, OneSourceCannotTakeAllConnections) {
  relay().source_max_connections = 1;
  publish();
  Stream first = connect_from("127.0.0.1");
  expect_served(first);
  EXPECT_EQ(connect_from("127.0.0.1").hear(), "RESET");
  Stream other = connect_from("127.0.0.2");
  expect_served(other);
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::source_max_connections) == 1; }));
  first.reset();
  ASSERT_TRUE(eventually(5s, [&] { return service_counters().active == 1; }));
  Stream again = connect_from("127.0.0.1");
  expect_served(again);
}

TEST_F(LimitTest, OneSourceCannotTakeTheWholeRate) {
  relay().source_max_rate = 1;
  publish();
  Stream first = connect_from("127.0.0.1");
  expect_served(first);
  EXPECT_EQ(connect_from("127.0.0.1").hear(), "RESET");
  Stream other = connect_from("127.0.0.2");
  expect_served(other);
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::source_max_rate) == 1; }));
}

TEST_F(LimitTest, TheSourceIsTheClientThatAProxyNames) {
  relay().source_max_connections = 1;
  relay().proxy_from = {Prefix::parse("127.0.0.1").value()};
  publish();
  const auto header = [](const std::string& client) {
    return "PROXY TCP4 " + client + " 127.0.0.1 4711 80\r\n";
  };
  Stream first = connect();
  first.say(header("192.0.2.1"));
  expect_served(first);
  Stream second = connect();
  second.say(header("192.0.2.1"));
  EXPECT_EQ(second.hear(), "RESET");
  Stream third = connect();
  third.say(header("192.0.2.2"));
  expect_served(third);
}

TEST_F(LimitTest, AReloadChangesTheLimitAndKeepsTheCount) {
  relay().source_max_connections = 1;
  publish();
  Stream first = connect();
  expect_served(first);
  relay().source_max_connections = 2;
  publish();
  Stream second = connect();
  expect_served(second);
  EXPECT_EQ(connect().hear(), "RESET");
}

TEST_F(LimitTest, WithoutRetriesTheFirstServerIsTheOnlyOne) {
  spec.pools[0].relay.retries = 0;
  publish();
  a.close();
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
  Stream client = connect();
  client.say("x");
  EXPECT_EQ(b.accept().hear(), "x");
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
