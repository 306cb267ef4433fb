// What a connection leaves in the access log and in the histograms: every way to end that the relay
// knows, with its termination state.

#include <gmock/gmock.h>

#include "tests/unit/lbcore/relay/access_file.h"
#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class AccessTest : public WorkerTest {
 protected:
  void SetUp() override {
    WorkerTest::SetUp();
    worker = std::make_unique<Worker>(log, sessions, budget, 0, &access.log);
  }
  void TearDown() override { worker.reset(); }

  /// The only line of the log, once it is there.
  std::string line() { return access.lines(1).front(); }

  AccessFile access{log};
};

TEST_F(AccessTest, AnOrderlyEndAndItsHistograms) {
  publish();
  Stream client = connect();
  client.say("request");
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "request");
  ASSERT_TRUE(eventually(5s, [&] {
    const observe::Latency* latency = live(0).latency.peek();
    return latency != nullptr && count(latency->connect) == 1;
  })) << "known before the end";
  EXPECT_EQ(count(live(0).latency.peek()->first_byte), 0U);
  server.say("answer");
  EXPECT_EQ(client.hear(), "answer");
  client.close();
  server.close();
  EXPECT_THAT(line(), HasSubstr(" web web/a "));
  EXPECT_THAT(line(), EndsWith(" 7/6 -- 0 scheduler"));
  EXPECT_EQ(count(live(0).latency.peek()->first_byte), 1U);
  EXPECT_EQ(count(live(0).latency.peek()->duration), 1U);
  EXPECT_EQ(live(1).latency.peek(), nullptr);
}

TEST_F(AccessTest, TheClientBreaksOff) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  client.reset();
  EXPECT_EQ(server.hear(), "RESET");
  EXPECT_THAT(line(), EndsWith(" 0/0 CD 0 scheduler"));
}

TEST_F(AccessTest, TheServerBreaksOff) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  ASSERT_TRUE(eventually(5s, [&] { return live(0).counters.connections == 1; }));
  server.reset();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_THAT(line(), EndsWith(" SD 0 scheduler"));
}

TEST_F(AccessTest, TheServerBreaksOffAfterTheClientsEnd) {
  publish();
  Stream client = connect();
  client.half_close();
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "EOF");
  server.reset();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_THAT(line(), EndsWith(" SL 0 scheduler"));
}

TEST_F(AccessTest, ASecondServerIsARetry) {
  publish();
  a.close();
  Stream client = connect();
  Stream server = b.accept();
  client.close();
  server.close();
  EXPECT_THAT(line(), HasSubstr(" web/b "));
  EXPECT_THAT(line(), EndsWith(" -- 1 scheduler"));
}

TEST_F(AccessTest, EveryServerRefuses) {
  publish();
  a.close();
  b.close();
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_THAT(line(), HasSubstr(" web/b "));
  EXPECT_THAT(line(), HasSubstr("/-/-/"));
  EXPECT_THAT(line(), EndsWith(" 0/0 SC 1 scheduler"));
}

TEST_F(AccessTest, TheLastServerDoesNotAccept) {
  ASSERT_EQ(::listen(a.fd(), 0), 0);
  std::vector<UniqueFd> crowd;  // as in WorkerTest
  for (int i = 0; i < 4; ++i) {
    crowd.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = a.endpoint.to_sockaddr(address);
    EXPECT_LT(::connect(crowd.back().get(), reinterpret_cast<const sockaddr*>(&address), size), 1);
  }
  spec.pools[0].servers.pop_back();
  publish();
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_THAT(line(), EndsWith(" sC 0 scheduler"));
}

TEST_F(AccessTest, NoServerIsUp) {
  publish();
  live(0).up = false;
  live(1).up = false;
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_THAT(line(), HasSubstr(" web/- -/-/-/"));
  EXPECT_THAT(line(), EndsWith(" 0/0 NQ 0 none"));
}

TEST_F(AccessTest, WhoIsBeyondALimitIsTurnedAwayAtTheDoor) {
  spec.services[0].relay.max_rate = 1;
  publish();
  Stream first = connect();
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_THAT(line(), HasSubstr(" web web/- -/-/-/"));
  EXPECT_THAT(line(), EndsWith(" 0/0 LA 0 none"));
}

TEST_F(AccessTest, ALimitOfTheClientsAddressIsOneToo) {
  spec.services[0].relay.source_max_connections = 1;
  publish();
  Stream first = connect();
  Stream server = a.accept();
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_THAT(line(), EndsWith(" 0/0 LA 0 none"));
}

TEST_F(AccessTest, LbcoreStops) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  worker.reset();
  EXPECT_THAT(line(), EndsWith(" KD 0 scheduler"));
}

TEST_F(AccessTest, ASessionChoseTheServer) {
  spec.pools[0].sticky = {.timeout = 10min};
  publish();
  sessions.put(topology->pools[0]->id, loopback(0).ip, live(1).id, Clock::now());
  Stream client = connect();
  Stream server = b.accept();
  client.close();
  server.close();
  EXPECT_THAT(line(), EndsWith(" -- 0 session"));
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
