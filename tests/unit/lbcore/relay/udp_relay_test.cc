// Datagrams through a real worker on loopback; the test plays clients and servers.
#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/lbcore/relay/udp_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

TEST_F(Udp, AFlowStaysWithItsServerAndAnswersComeFromTheVip) {
  publish();
  Peer first;
  Peer second;
  for (int i = 0; i < 3; ++i) {
    first.say("1", vip());
    server_a.echo("a");
    EXPECT_EQ(first.hear(), "a1");
    EXPECT_EQ(first.from, vip());
    second.say("2", vip());
    server_b.echo("b");
    EXPECT_EQ(second.hear(), "b2");
  }
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 2; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 2; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_in == 6; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_out == 12; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.connections == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(1).counters.bytes_out == 6; }));
  EXPECT_EQ(budget.flows(), 2U);
}

TEST_F(Udp, EveryServerSeesEachClientAtAPortOfItsOwn) {
  spec.pools[0].servers.pop_back();
  publish();
  Peer first;
  Peer second;
  first.say("x", vip());
  server_a.hear();
  const Endpoint of_first = server_a.from;
  second.say("x", vip());
  server_a.hear();
  EXPECT_NE(server_a.from, of_first);
  // Late and out of order, each answer finds its client.
  server_a.say("for 2", server_a.from);
  server_a.say("for 1", of_first);
  EXPECT_EQ(first.hear(), "for 1");
  EXPECT_EQ(second.hear(), "for 2");
}

TEST_F(Udp, BurstsKeepTheirOrderBothWays) {
  spec.pools[0].servers.pop_back();
  publish();
  Peer client;
  constexpr int kMany = 200;
  for (int i = 0; i < kMany; ++i) client.say(std::to_string(i), vip());
  for (int i = 0; i < kMany; ++i) ASSERT_EQ(server_a.hear(), std::to_string(i));
  for (int i = 0; i < kMany; ++i) server_a.say(std::to_string(i), server_a.from);
  for (int i = 0; i < kMany; ++i) ASSERT_EQ(client.hear(), std::to_string(i));
}

TEST_F(Udp, AnyLengthArrivesWhole) {
  spec.pools[0].servers.pop_back();
  publish();
  Peer client;
  for (const size_t length : {size_t{0}, size_t{1}, size_t{1472}, size_t{65507}}) {
    std::string text(length, '\0');
    std::iota(text.begin(), text.end(), '\1');
    client.say(text, vip());
    server_a.echo("");
    EXPECT_EQ(client.hear(), text) << length;
  }
}

TEST_F(Udp, IdleFlowsEnd) {
  spec.services[0].idle_timeout = 100ms;
  publish();
  Peer client;
  client.say("x", vip());
  server_a.echo("a");
  EXPECT_EQ(client.hear(), "ax");
  expect_idle();
  client.say("x", vip());
  EXPECT_EQ(server_b.hear(), "x") << "a new flow, scheduled anew";
}

TEST_F(Udp, AReloadLeavesFlowsAloneAndANewTimeoutCounts) {
  publish();
  Peer client;
  client.say("1", vip());
  server_a.hear();
  const Endpoint flow = server_a.from;
  spec.pools[0].servers.push_back({.name = "c", .address = loopback(9)});
  publish();
  client.say("2", vip());
  EXPECT_EQ(server_a.hear(), "2");
  EXPECT_EQ(server_a.from, flow);
  spec.services[0].idle_timeout = 50ms;
  publish();
  expect_idle();
}

TEST_F(Udp, AFlowLeavesAServerThatIsDownOrRemoved) {
  publish();
  Peer client;
  client.say("1", vip());
  EXPECT_EQ(server_a.hear(), "1");
  live(0).up = false;
  client.say("2", vip());
  EXPECT_EQ(server_b.hear(), "2");
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 0; }));
  live(0).up = true;
  client.say("3", vip());
  EXPECT_EQ(server_b.hear(), "3") << "it stays when the other one returns";
  spec.pools[0].servers.pop_back();
  publish();
  client.say("4", vip());
  EXPECT_EQ(server_a.hear(), "4");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 1; }))
      << "still the same flow";
}

TEST_F(Udp, AServerThatRefusesCountsAsFailedAndTheFlowMoves) {
  publish();
  server_a.close();
  Peer client;
  client.say("1", vip());  // the refusal comes when this one is gone
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
  for (const char* text : {"2", "3"}) {
    client.say(text, vip());
    EXPECT_EQ(server_b.hear(), text);
  }
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 0; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
}

TEST_F(Udp, WhenAllRefuseEachIsTriedAgain) {
  spec.pools[0].servers.pop_back();
  publish();
  server_a.close();
  Peer client;
  client.say("1", vip());
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
  client.say("2", vip());
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().failed == 1; })) << "nobody left";
  client.say("3", vip());
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 2; })) << "tried again";
}

TEST_F(Udp, NoServerMeansNoFlowThatCouldStay) {
  publish();
  live(0).up = false;
  live(1).up = false;
  Peer client;
  client.say("1", vip());
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().failed == 1; }));
  live(1).up = true;
  client.say("2", vip());
  EXPECT_EQ(server_b.hear(), "2");
}

TEST_F(Udp, AClientKeepsItsServerOverItsPorts) {
  spec.pools[0].sticky = {.timeout = 10min};
  publish();
  Peer first;
  first.say("1", vip());
  EXPECT_EQ(server_a.hear(), "1");
  for (const char* text : {"2", "3", "4"}) {
    Peer other;
    other.say(text, vip());
    EXPECT_EQ(server_a.hear(), text);
  }
  EXPECT_EQ(sessions.size(), 1U);
}

TEST_F(Udp, OneShotSchedulesEveryDatagram) {
  spec.services[0].one_shot = true;
  publish();
  Peer client;
  for (int i = 0; i < 4; ++i) {
    client.say("q", vip());
    (i % 2 == 0 ? server_a : server_b).echo(i % 2 == 0 ? "a" : "b");
    EXPECT_EQ(client.hear(), i % 2 == 0 ? "aq" : "bq");
  }
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 4; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.connections == 2; }));
  EXPECT_EQ(budget.flows(), 2U) << "one for each server that answers this client";
}

TEST_F(Udp, OneShotGoesAroundAServerThatRefuses) {
  spec.services[0].one_shot = true;
  publish();
  server_a.close();
  Peer client;
  client.say("1", vip());
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
  client.say("2", vip());
  EXPECT_EQ(server_b.hear(), "2");
}

TEST_F(Udp, ANewFlowMakesRoomWhenTheBudgetIsSpent) {
  publish();
  std::vector<Peer> clients(4);
  for (Peer& client : clients) {
    client.say("x", vip());
    settle();
  }
  EXPECT_TRUE(eventually(5s, [&] { return budget.flows() == 4; }));
  while (budget.take()) {
  }
  Peer late;
  late.say("late", vip());
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 5; }));
  EXPECT_EQ(budget.flows(), 4U);
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 4; }));
  const size_t taken = budget.in_use();
  for (size_t i = 0; i < taken; ++i) budget.give_back();
}

TEST_F(Udp, ARemovedServiceStillDeliversTheAnswersThatAreOnTheirWay) {
  spec.services.push_back({.name = "stays",
                           .protocol = Protocol::udp,
                           .listen = loopback(hapair::test::free_port()),
                           .pool = "web"});
  publish();
  const Endpoint removed = vip();
  Peer client;
  client.say("x", removed);
  EXPECT_EQ(server_a.hear(), "x");
  const auto counters = topology->services[0]->live;
  spec.services.erase(spec.services.begin());
  publish();
  server_a.say("late", server_a.from);
  EXPECT_EQ(client.hear(), "late");
  EXPECT_EQ(client.from, removed);
  EXPECT_TRUE(eventually(5s, [&] { return budget.flows() == 0; }));
  EXPECT_EQ(counters->counters.active, 0U);
  EXPECT_TRUE(eventually(5s, [&] { return bool(open_datagram_listeners(removed, 1, false)); }))
      << "the address is free";
}

TEST_F(Udp, StoppingWaitsASecondForAnAnswerAtMost) {
  publish();
  Peer client;
  client.say("x", vip());
  EXPECT_EQ(server_a.hear(), "x");
  worker->stop_accepting();
  EXPECT_TRUE(eventually(10s, [&] { return budget.flows() == 0; }));
  expect_idle();
}

TEST_F(Udp, EveryMixOfFamilies) {
  const IpAddress six = IpAddress::parse("::1").value();
  Peer server_six(six);
  for (const bool client_v6 : {false, true}) {
    for (const bool server_v6 : {false, true}) {
      Peer client(client_v6 ? six : loopback(0).ip);
      spec.services[0].listen = {client.endpoint.ip, hapair::test::free_port()};
      spec.pools[0].servers = {
          {.name = "s", .address = server_v6 ? server_six.endpoint : server_a.endpoint}};
      publish();
      client.say("x", vip());
      (server_v6 ? server_six : server_a).echo("answer to ");
      EXPECT_EQ(client.hear(), "answer to x") << client_v6 << server_v6;
      EXPECT_EQ(client.from, vip());
    }
  }
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
