#include "lbcore/relay/dispatcher.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore::relay {
namespace {

using lbcore::test::server;

const TimePoint kNow{1000h};
const IpAddress kClient = IpAddress::parse("198.51.100.7").value();

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() { spec.scheduler = balance::Algorithm::rr; }

  void publish(bool all_up = true) {
    Spec whole;
    whole.pools.push_back(spec);
    topology = registry.build(whole);
    sessions.configure(*topology, kNow);
    dispatcher.update(*topology);
    for (const Server& each : pool().servers) {
      if (all_up) each.live->up = true;
    }
  }
  const Pool& pool() { return *topology->pools[0]; }
  /// The name of the chosen server, "-" for none; with "*" when the session chose it.
  std::string choose() {
    const auto choice = dispatcher.choose(pool().id, kClient, tried, kNow);
    if (!choice.server) return "-";
    for (const Server& each : pool().servers) {
      if (each.live == choice.server) return each.spec.name + (choice.from_session ? "*" : "");
    }
    return "?";
  }
  LiveServer& live(size_t index) { return *pool().servers[index].live; }

  PoolSpec spec{.name = "web",
                .servers = {server("a", "10.0.1.1:80"), server("b", "10.0.1.2:80"),
                            server("c", "10.0.1.3:80")}};
  Registry registry;
  sticky::SessionStore sessions{[this](ServerId id) { return registry.find(id); }, 100, [] {}};
  std::shared_ptr<const Topology> topology;
  Dispatcher dispatcher{sessions, 0};
  Tried tried;
};

TEST_F(DispatcherTest, RoundRobinOverServersThatAreUp) {
  publish();
  live(1).up = false;
  EXPECT_EQ(choose(), "a");
  EXPECT_EQ(choose(), "c");
  EXPECT_EQ(choose(), "a");
}

TEST_F(DispatcherTest, NobodyWhenNoneIsUpOrAllWereTried) {
  publish(false);
  EXPECT_EQ(choose(), "-");
  for (size_t i = 0; i < 3; ++i) live(i).up = true;
  tried.add(live(0).id);
  tried.add(live(2).id);
  EXPECT_EQ(choose(), "b");
  tried.add(live(1).id);
  EXPECT_EQ(choose(), "-");
}

TEST_F(DispatcherTest, WeightZeroGetsNoNewClients) {
  spec.servers[0].weight = 0;
  spec.servers[1].weight = 0;
  publish();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(choose(), "c");
}

TEST_F(DispatcherTest, ADrainedAndADisabledServerGetNoNewClients) {
  spec.servers[0].admin = ServerAdmin::drain;
  spec.servers[1].admin = ServerAdmin::disabled;
  publish();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(choose(), "c");
  spec.servers[2].admin = ServerAdmin::drain;
  publish();
  EXPECT_EQ(choose(), "-");
}

TEST_F(DispatcherTest, AReloadThatLeavesTheServersAloneKeepsThePosition) {
  publish();
  EXPECT_EQ(choose(), "a");
  spec.servers[2].weight = 2;
  spec.connect_timeout = 1s;
  publish();
  EXPECT_EQ(choose(), "b");
}

TEST_F(DispatcherTest, APoolThatIsGoneHasNobody) {
  publish();
  const PoolId id = pool().id;
  dispatcher.update(Topology{});
  EXPECT_EQ(dispatcher.choose(id, kClient, tried, kNow).server, nullptr);
}

TEST_F(DispatcherTest, WithoutStickyNothingIsRecorded) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  EXPECT_EQ(sessions.size(), 0U);
}

class StickyDispatcherTest : public DispatcherTest {
 protected:
  StickyDispatcherTest() { spec.sticky = {.timeout = 10min}; }
};

TEST_F(StickyDispatcherTest, TheSessionDecides) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(choose(), "b*");
}

TEST_F(StickyDispatcherTest, ASessionStaysWithAServerOfWeightZero) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  spec.servers[1].weight = 0;
  publish();
  EXPECT_EQ(choose(), "b*");
}

TEST_F(StickyDispatcherTest, ASessionStaysWithADrainedServerAndLeavesADisabledOne) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  spec.servers[1].admin = ServerAdmin::drain;
  publish();
  EXPECT_EQ(choose(), "b*");
  spec.servers[1].admin = ServerAdmin::disabled;
  publish();
  EXPECT_EQ(choose(), "a");
}

TEST_F(StickyDispatcherTest, TheSessionOfAServerThatIsDownIsScheduledAnew) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  live(1).up = false;
  EXPECT_EQ(choose(), "a");
  dispatcher.record(pool().id, kClient, live(0), kNow);
  live(1).up = true;
  EXPECT_EQ(choose(), "a*");
}

TEST_F(StickyDispatcherTest, TheSessionOfAServerThatWasTriedIsScheduledAnew) {
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  tried.add(live(1).id);
  EXPECT_EQ(choose(), "a");
}

TEST_F(StickyDispatcherTest, AServerThatAReloadTookOutGetsNoSession) {
  publish();
  const auto gone = pool().servers[1].live;
  dispatcher.record(pool().id, kClient, *gone, kNow);
  spec.servers.erase(spec.servers.begin() + 1);
  publish();
  EXPECT_EQ(choose(), "a");
  dispatcher.record(pool().id, kClient, *gone, kNow);
  EXPECT_EQ(choose(), "c");
}

}  // namespace
}  // namespace hapair::lbcore::relay
