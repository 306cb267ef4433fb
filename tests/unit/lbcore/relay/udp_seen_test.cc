// What an operator sees of flows of datagrams: figures, the list, the access log, sessions, limits,
// and what counts for passive ejection.
#include <future>

#include <gmock/gmock.h>

#include "tests/unit/lbcore/relay/access_file.h"
#include "tests/unit/lbcore/relay/udp_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class UdpSeen : public Udp {
 protected:
  void SetUp() override {
    Udp::SetUp();
    worker = std::make_unique<Worker>(log, sessions, budget, 0, &access.log);
  }
  void TearDown() override { worker.reset(); }

  std::vector<ConnectionInfo> list(size_t most = 100) {
    std::vector<ConnectionInfo> all;
    bool from_start = true;
    for (bool more = true; more; from_start = false) {
      std::promise<bool> done;
      worker->list_connections(from_start, most, [&](std::vector<ConnectionInfo> some, bool rest) {
        EXPECT_LE(some.size(), most);
        all.insert(all.end(), some.begin(), some.end());
        done.set_value(rest);
      });
      more = done.get_future().get();
    }
    return all;
  }
  uint64_t refused(Refusal reason) {
    return topology->services[0]->live->refused[static_cast<size_t>(reason)];
  }
  void ask(Peer& client, Peer& server) {
    client.say("ask", vip());
    server.echo("answer to ");
    EXPECT_EQ(client.hear(), "answer to ask");
  }

  AccessFile access{log};
};

TEST_F(UdpSeen, PacketsAreCountedAtTheServiceAndItsServers) {
  publish();
  Peer client;
  ask(client, server_a);
  ask(client, server_a);
  for (Counters* counters : {&service_counters(), &live(0).counters}) {
    EXPECT_TRUE(eventually(5s, [&] { return counters->packets_in == 2; }));
    EXPECT_TRUE(eventually(5s, [&] { return counters->packets_out == 2; }));
    EXPECT_EQ(counters->bytes_in, 6U);
    EXPECT_EQ(counters->bytes_out, 26U);
  }
  EXPECT_EQ(live(1).counters.packets_in, 0U);
}

TEST_F(UdpSeen, AFlowIsListedWithWhatIsKnownOfIt) {
  publish();
  Peer answered;
  ask(answered, server_a);
  Peer asking;
  asking.say("x", vip());
  EXPECT_EQ(server_b.hear(), "x");
  live(0).up = false;
  live(1).up = false;
  Peer lost;
  lost.say("x", vip());
  ASSERT_TRUE(eventually(5s, [&] { return service_counters().failed == 1; }));
  for (const size_t most : {size_t{100}, size_t{1}, size_t{2}}) {
    const auto all = list(most);
    ASSERT_EQ(all.size(), 3U) << "newest first, " << most << " at a time";
    EXPECT_EQ(all[0].client, lost.endpoint);
    EXPECT_EQ(all[0].state, "no server");
    EXPECT_EQ(all[0].server, nullptr);
    EXPECT_EQ(all[1].client, asking.endpoint);
    EXPECT_EQ(all[1].state, "asking");
    EXPECT_EQ(all[1].server->address, server_b.endpoint);
    EXPECT_EQ(all[2].client, answered.endpoint);
    EXPECT_EQ(all[2].state, "established");
    EXPECT_EQ(all[2].server->address, server_a.endpoint);
    EXPECT_EQ(all[2].service->spec.name, "web");
    ASSERT_TRUE(all[2].expires);
    EXPECT_GT(*all[2].expires, 1min);
    EXPECT_LE(*all[2].expires, 5min);
  }
}

TEST_F(UdpSeen, AFlowThatEndsBetweenTwoSlicesOfTheListDoesNoHarm) {
  publish();
  std::vector<Peer> clients(3);
  for (Peer& client : clients) {
    client.say("x", vip());
    settle();
  }
  ASSERT_TRUE(eventually(5s, [&] { return budget.flows() == 3; }));
  std::promise<void> first;
  worker->list_connections(true, 1, [&](const auto&, bool more) {
    EXPECT_TRUE(more);
    first.set_value();
  });
  first.get_future().get();
  worker->reset_connections();
  std::promise<size_t> second;
  worker->list_connections(false, 1, [&](const auto& some, bool more) {
    EXPECT_FALSE(more);
    second.set_value(some.size());
  });
  EXPECT_EQ(second.get_future().get(), 0U);
}

TEST_F(UdpSeen, AnAnsweredFlowEndsInOrderWithItsTimes) {
  spec.services[0].idle_timeout = 100ms;
  publish();
  Peer client;
  ask(client, server_a);
  EXPECT_THAT(access.lines(1)[0], MatchesRegex("20[^ ]+Z 127\\.0\\.0\\.1:[0-9]+ web web/a "
                                               "0\\.[0-9]+/-/[0-9.]+/[0-9.]+ 3/13 -- 0 scheduler"));
  ASSERT_NE(live(0).latency.peek(), nullptr);
  EXPECT_EQ(count(live(0).latency.peek()->first_byte), 1U);
  EXPECT_EQ(count(live(0).latency.peek()->duration), 1U);
  EXPECT_EQ(count(live(0).latency.peek()->connect), 0U) << "nobody accepts anything";
  expect_idle();
}

TEST_F(UdpSeen, SilenceCountsAgainstAServerOnceSomebodyAnswers) {
  spec.services[0].idle_timeout = 100ms;
  publish();
  Peer logger;
  logger.say("first", vip());
  EXPECT_EQ(server_a.hear(), "first");
  EXPECT_THAT(access.lines(1)[0], EndsWith(" 5/0 sC 0 scheduler"));
  EXPECT_EQ(live(0).failures, 0U) << "they may be loggers, who never answer";
  Peer client;
  ask(client, server_b);
  access.lines(2);
  logger.say("second", vip());
  EXPECT_EQ(server_a.hear(), "second");
  EXPECT_THAT(access.lines(3)[2], EndsWith(" 6/0 sC 0 scheduler"));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).failures == 1; }));
  EXPECT_EQ(live(0).last_failure, ETIMEDOUT);
  EXPECT_EQ(live(1).failures, 0U);
  ask(client, server_b);
  Peer again;
  ask(again, server_a);
  EXPECT_TRUE(eventually(5s, [&] { return live(0).failures == 0; })) << "an answer takes it back";
}

TEST_F(UdpSeen, ARefusalCountsAndTheNextServerIsARetry) {
  publish();
  server_a.close();
  Peer client;
  client.say("1", vip());
  EXPECT_TRUE(eventually(5s, [&] { return live(0).failures == 1; }));
  EXPECT_EQ(live(0).last_failure, ECONNREFUSED);
  client.say("2", vip());
  server_b.echo("b");
  EXPECT_EQ(client.hear(), "b2");
  worker->reset_connections();
  EXPECT_THAT(access.lines(1)[0], HasSubstr(" web/b "));
  EXPECT_THAT(access.lines(1)[0], EndsWith(" 2/2 KD 1 scheduler"));
}

TEST_F(UdpSeen, WhoFindsNobodyIsSaidSo) {
  spec.services[0].idle_timeout = 50ms;
  publish();
  live(0).up = false;
  live(1).up = false;
  Peer client;
  client.say("1", vip());
  EXPECT_THAT(access.lines(1)[0], HasSubstr(" web/- -/-/-/"));
  EXPECT_THAT(access.lines(1)[0], EndsWith(" 0/0 NQ 0 none"));
  live(0).up = true;
  server_a.close();
  client.say("2", vip());
  EXPECT_THAT(access.lines(2)[1], HasSubstr(" web/a "));
  EXPECT_THAT(access.lines(2)[1], EndsWith(" 1/0 SC 0 scheduler"));
}

TEST_F(UdpSeen, OneShotHasALinePerFlowAndPerDatagramThatFoundNobody) {
  spec.services[0].one_shot = true;
  spec.services[0].idle_timeout = 100ms;
  publish();
  Peer client;
  ask(client, server_a);
  ask(client, server_b);
  for (const std::string& line : access.lines(2))
    EXPECT_THAT(line, EndsWith(" 3/13 -- 0 scheduler"));
  live(0).up = false;
  live(1).up = false;
  client.say("1", vip());
  client.say("2", vip());
  for (const size_t at : {2U, 3U}) EXPECT_THAT(access.lines(4)[at], EndsWith(" 0/0 NQ 0 none"));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 4; }));
  expect_idle();
}

TEST_F(UdpSeen, AFlowThatMakesRoomIsSaidSo) {
  publish();
  std::vector<Peer> clients(2);  // a connection has the room of two flows
  for (Peer& client : clients) client.say("x", vip());
  ASSERT_TRUE(eventually(5s, [&] { return budget.flows() == 2; }));
  while (budget.take()) {
  }
  Peer late;
  late.say("late", vip());
  EXPECT_THAT(access.lines(1)[0], EndsWith(" 1/0 RC 0 scheduler"));
  const size_t taken = budget.in_use();
  for (size_t i = 0; i < taken; ++i) budget.give_back();
}

TEST_F(UdpSeen, ASessionIsHeldWhileItsFlowLives) {
  spec.pools[0].sticky = {.timeout = 1s};
  publish();
  Peer client;
  client.say("1", vip());
  EXPECT_EQ(server_a.hear(), "1");
  ASSERT_TRUE(eventually(5s, [&] { return sessions.size() == 1; }));
  settle();
  sessions.expire(Clock::now() + 1h);
  EXPECT_EQ(sessions.size(), 1U) << "its flow is open";
  worker->reset_connections();
  settle();
  sessions.expire(Clock::now() + 1h);
  EXPECT_EQ(sessions.size(), 0U);
}

TEST_F(UdpSeen, LimitsHoldForFlows) {
  spec.services[0].relay.max_connections = 1;
  publish();
  Peer first;
  first.say("1", vip());
  EXPECT_EQ(server_a.hear(), "1");
  Peer second;
  second.say("2", vip());
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::max_connections) == 1; }));
  EXPECT_THAT(access.lines(1)[0], HasSubstr(second.endpoint.to_string()));
  EXPECT_THAT(access.lines(1)[0], EndsWith(" 0/0 LA 0 none"));
  first.say("3", vip());
  EXPECT_EQ(server_a.hear(), "3") << "who is in stays in";
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 1; }));
  EXPECT_EQ(service_counters().connections, 1U);

  spec.services[0].relay.max_connections = 0;
  spec.services[0].relay.source_max_connections = 2;
  publish();
  second.say("4", vip());
  EXPECT_EQ(server_b.hear(), "4");
  Peer third;
  third.say("5", vip());
  EXPECT_EQ(server_a.hear(), "5") << "the first flow is not counted: it was there before";
  Peer fourth;
  fourth.say("6", vip());
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::source_max_connections) == 1; }));
  spec.services[0].idle_timeout = 50ms;
  publish();
  expect_idle();
  Peer fifth;
  fifth.say("7", vip());
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 1; }))
      << "its places were given back";
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
