#include "lbcore/relay/dispatcher.h"

#include <algorithm>
#include <string>
#include <utility>

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
  std::string choices(int count) {
    std::string out;
    while (count-- > 0) out += choose();
    return out;
  }
  Dispatcher::Why why() { return dispatcher.choose(pool().id, kClient, tried, kNow).why; }
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

TEST_F(DispatcherTest, AFullServerIsNoCandidateUntilItIsBelowItsLowerThreshold) {
  spec.servers[1].max_connections = 10;
  spec.servers[1].min_connections = 6;
  publish();
  auto& active = live(1).counters.active;
  active = 9;
  EXPECT_EQ(choices(3), "abc");
  active = 10;
  EXPECT_EQ(choices(4), "acac");
  EXPECT_TRUE(live(1).full);
  active = 6;
  EXPECT_EQ(choices(2), "ac");
  active = 5;
  EXPECT_EQ(choices(3), "abc");
  EXPECT_FALSE(live(1).full);
}

TEST_F(DispatcherTest, TheLowerThresholdIsThreeQuartersUnlessItIsSet) {
  for (const auto& [most, reopens] : {std::pair{1U, 1U}, {2U, 2U}, {3U, 3U}, {4U, 3U}, {10U, 8U}}) {
    const ServerSpec limited{.name = "a", .max_connections = most};
    EXPECT_EQ(limited.reopens_below(), reopens) << most;
  }
  const ServerSpec set{.name = "a", .max_connections = 10, .min_connections = 10};
  EXPECT_EQ(set.reopens_below(), 10U);
}

TEST_F(DispatcherTest, AnotherWorkerSeesThatAServerIsFull) {
  spec.servers[0].max_connections = 4;
  publish();
  Dispatcher other(sessions, 0);
  other.update(*topology);
  live(0).counters.active = 4;
  EXPECT_EQ(choose(), "b");
  live(0).counters.active = 3;
  EXPECT_EQ(other.choose(pool().id, kClient, tried, kNow).server, pool().servers[1].live);
}

TEST_F(DispatcherTest, AChoiceNamesTheLimitToCountAgainst) {
  spec.servers[1].max_connections = 10;
  publish();
  EXPECT_EQ(dispatcher.choose(pool().id, kClient, tried, kNow).limit, 0U);
  EXPECT_EQ(dispatcher.choose(pool().id, kClient, tried, kNow).limit, 10U);
}

TEST_F(DispatcherTest, AllFullIsToldApartFromNoneUp) {
  for (auto& each : spec.servers) each.max_connections = 1;
  publish();
  for (size_t i = 0; i < 3; ++i) live(i).counters.active = 1;
  EXPECT_EQ(why(), Dispatcher::Why::full);
  live(0).up = false;
  live(1).up = false;
  EXPECT_EQ(why(), Dispatcher::Why::full) << "the last one may become free";
  live(2).up = false;
  EXPECT_EQ(why(), Dispatcher::Why::none_up);
  live(2).up = true;
  live(2).counters.active = 0;
  EXPECT_EQ(why(), Dispatcher::Why::chosen);
  tried.add(live(2).id);
  EXPECT_EQ(why(), Dispatcher::Why::none_up) << "waiting for who has failed helps nobody";
}

TEST_F(DispatcherTest, ALimitThatIsRaisedOrLiftedCountsAtOnce) {
  spec.servers = {spec.servers[0]};
  spec.servers[0].max_connections = 4;
  publish();
  live(0).counters.active = 4;
  EXPECT_EQ(choose(), "-");
  spec.servers[0].max_connections = 8;
  publish();
  EXPECT_EQ(choose(), "a");
  live(0).counters.active = 8;
  EXPECT_EQ(choose(), "-");
  spec.servers[0].max_connections = 0;
  publish();
  EXPECT_EQ(choose(), "a");
  EXPECT_FALSE(live(0).full);
}

TEST_F(DispatcherTest, BackupsServeOnlyWhileNoOtherMay) {
  spec.servers[0].backup = true;
  spec.servers[1].max_connections = 1;
  publish();
  EXPECT_EQ(choices(4), "bcbc");
  live(2).up = false;
  EXPECT_EQ(choices(2), "bb");
  live(1).counters.active = 1;
  EXPECT_EQ(choices(2), "aa") << "one is down, the other full";
  live(2).up = true;
  EXPECT_EQ(choices(2), "cc");
  tried.add(live(2).id);
  EXPECT_EQ(choices(1), "a") << "who failed this client does not count";
}

TEST_F(DispatcherTest, SeveralBackupsShare) {
  spec.servers[0].backup = true;
  spec.servers[2].backup = true;
  publish();
  live(1).up = false;
  EXPECT_EQ(choices(4), "acac");
  spec.servers[1].weight = 0;
  publish();
  EXPECT_EQ(choices(4), "acac") << "drained";
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

TEST_F(DispatcherTest, AServerThatComesUpAgainIsAskedAgain) {
  publish();
  EXPECT_EQ(choices(3), "abc");
  for (int i = 0; i < 3; ++i) {
    live(0).up = false;
    EXPECT_EQ(choices(4), "bcbc");
    live(0).up = true;
    EXPECT_EQ(choices(3), "abc");
  }
}

TEST_F(DispatcherTest, AServerThatComesUpStartsSlowly) {
  spec.scheduler = balance::Algorithm::wrr;
  spec.slow_start = 100s;
  spec.servers.resize(2);
  publish(false);
  live(0).set_up(true, kNow - 1h);
  live(1).set_up(true, kNow);
  const auto share_of_b = [&](Duration later) {
    int b = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto choice = dispatcher.choose(pool().id, kClient, tried, kNow + later);
      if (choice.server == pool().servers[1].live) ++b;
    }
    return b;
  };
  // A weight of r beside one of 1 gets r / (1 + r) of the connections.
  EXPECT_NEAR(share_of_b(0s), 1000 * 0.1 / 1.1, 3);
  EXPECT_NEAR(share_of_b(50s), 1000 * 0.55 / 1.55, 3);
  EXPECT_NEAR(share_of_b(90s), 1000 * 0.91 / 1.91, 3);
  EXPECT_NEAR(share_of_b(100s), 500, 1);
  EXPECT_NEAR(share_of_b(200s), 500, 1);
}

TEST_F(DispatcherTest, AServerThatIsBackFromDownStartsSlowlyAgain) {
  spec.scheduler = balance::Algorithm::wrr;
  spec.slow_start = 9s;
  spec.servers.resize(2);
  publish(false);
  live(0).set_up(true, kNow - 1h);
  live(1).set_up(true, kNow - 1h);
  EXPECT_EQ(choices(4), "abab");
  live(1).set_up(false, kNow);
  EXPECT_EQ(choices(2), "aa");
  live(1).set_up(true, kNow);
  const std::string some = choices(110);
  EXPECT_NEAR(static_cast<int>(std::ranges::count(some, 'b')), 10, 1);
}

// ovf has a limit of its own: the weight, when there is no max_connections.
TEST_F(DispatcherTest, OverflowIsFullWhenAllAre) {
  spec.scheduler = balance::Algorithm::ovf;
  spec.servers[0].weight = 2;
  publish();
  EXPECT_EQ(dispatcher.choose(pool().id, kClient, tried, kNow).limit, 2U);
  live(0).counters.active = 2;
  EXPECT_EQ(choose(), "b");
  live(1).counters.active = 1;
  live(2).counters.active = 1;
  EXPECT_EQ(why(), Why::full);
  live(0).up = false;
  live(1).up = false;
  live(2).up = false;
  EXPECT_EQ(why(), Why::none_up);
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

TEST_F(StickyDispatcherTest, ASessionStaysWithAFullServerAndWithABackup) {
  spec.servers[1].max_connections = 1;
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  live(1).counters.active = 1;
  EXPECT_EQ(choose(), "b*");
  spec.servers[1].backup = true;
  publish();
  EXPECT_EQ(choose(), "b*");
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

TEST_F(StickyDispatcherTest, AKeptSessionWaitsForItsServer) {
  spec.on_down = OnDown::keep;
  publish();
  dispatcher.record(pool().id, kClient, live(1), kNow);
  live(1).up = false;
  EXPECT_EQ(choose(), "a");
  dispatcher.record(pool().id, kClient, live(0), kNow);
  EXPECT_EQ(choose(), "c") << "scheduled anew each time";
  live(1).up = true;
  EXPECT_EQ(choose(), "b*");
  spec.servers.erase(spec.servers.begin() + 1);
  publish();
  const std::string next = choose();
  dispatcher.record(pool().id, kClient, live(next == "a" ? 0 : 1), kNow);
  EXPECT_EQ(choose(), next + "*") << "a server that is gone for good does not come back";
}

TEST_F(StickyDispatcherTest, AnOpenConnectionHoldsTheSession) {
  publish();
  EXPECT_TRUE(dispatcher.hold(pool().id, kClient)) << "nothing there yet: harmless";
  dispatcher.record(pool().id, kClient, live(1), kNow);
  EXPECT_TRUE(dispatcher.hold(pool().id, kClient));
  EXPECT_EQ(sessions.expire(kNow + 1h), 0U);
  dispatcher.release(pool().id, kClient, kNow + 1h);
  EXPECT_EQ(sessions.expire(kNow + 1h + 9min), 0U);
  EXPECT_EQ(sessions.expire(kNow + 1h + 10min), 1U);
  dispatcher.release(pool().id, kClient, kNow + 2h);
  spec.sticky = {};
  publish();
  EXPECT_FALSE(dispatcher.hold(pool().id, kClient));
}

}  // namespace
}  // namespace hapair::lbcore::relay
