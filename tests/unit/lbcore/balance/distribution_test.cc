// How evenly each scheduler spreads connections: exact where it promises so, else within bounds
// that the mathematics gives. Randomness is seeded: a failure repeats.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

/// Picks per server; every connection stays open.
std::vector<uint32_t> held(Scheduler& scheduler, Servers& servers, int count, TimePoint now = {}) {
  scheduler.update(servers.candidates());
  std::vector<uint32_t> out(servers.size());
  for (int i = 0; i < count; ++i) {
    const auto index = scheduler.pick({.now = now});
    if (!index) break;
    ++servers[*index].active;
    ++out[*index];
  }
  return out;
}

/// The most that any server's open connections differ from its share by weight.
double imbalance(const Servers& servers) {
  double connections = 0;
  double weights = 0;
  for (const TestServer& each : servers) {
    connections += each.active;
    weights += each.weight;
  }
  double worst = 0;
  for (const TestServer& each : servers) {
    worst = std::max(worst, std::abs(each.active - connections * each.weight / weights));
  }
  return worst;
}

/// Connections come one by one and each ends at random, so that about `open` are open at any time.
/// The worst imbalance that is seen once that many are.
double worst_imbalance(Algorithm algorithm, Servers& servers, size_t open) {
  const auto scheduler = make_scheduler(algorithm);
  scheduler->update(servers.candidates());
  std::mt19937 random(42);
  std::vector<size_t> connections;
  double worst = 0;
  for (size_t i = 0; i < 20 * open; ++i) {
    if (connections.size() == open) {
      std::swap(connections[random() % open], connections.back());
      --servers[connections.back()].active;
      connections.pop_back();
    }
    connections.push_back(scheduler->pick({}).value());
    ++servers[connections.back()].active;
    if (connections.size() == open) worst = std::max(worst, imbalance(servers));
  }
  return worst;
}

class LoadAware : public testing::TestWithParam<Algorithm> {};

// 1000 connections that stay: each server has its share of them, to less than one connection.
TEST_P(LoadAware, HeldConnectionsFollowTheWeights) {
  auto servers = usable({1, 2, 3, 4});
  held(*make_scheduler(GetParam()), servers, 1000);
  EXPECT_LT(imbalance(servers), 1.0);
}

// 1000 of them, one ending at random whenever another one begins.
TEST_P(LoadAware, ComingAndGoingConnectionsFollowTheWeights) {
  auto servers = usable({1, 2, 3, 4});
  EXPECT_LT(worst_imbalance(GetParam(), servers, 1000), 3.0);
}

INSTANTIATE_TEST_SUITE_P(All, LoadAware,
                         testing::Values(Algorithm::wlc, Algorithm::sed, Algorithm::nq),
                         [](const auto& instance) { return std::string(name(instance.param)); });

TEST(LeastConnectionsDistribution, NoServerHasTwoMoreThanAnother) {
  auto servers = usable({1, 7, 1, 1, 1});  // lc ignores weights
  held(*make_scheduler(Algorithm::lc), servers, 1003);
  const auto [least, most] = std::ranges::minmax(
      std::vector<uint32_t>{servers[0].active, servers[1].active, servers[2].active,
                            servers[3].active, servers[4].active});
  EXPECT_LE(most - least, 1U);
}

TEST(RandomDistribution, SharesFollowTheWeights) {
  auto servers = usable({5, 3, 1, 1});
  constexpr int kPicks = 100'000;
  const auto counts = held(*make_scheduler(Algorithm::random, 3), servers, kPicks);
  for (size_t i = 0; i < servers.size(); ++i) {
    const double expected = kPicks * servers[i].weight / 10.0;
    EXPECT_NEAR(counts[i], expected, 5 * std::sqrt(expected)) << i;
  }
}

TEST(RandomDistribution, WorkersDrawDifferently) {
  const auto servers = usable({1, 1, 1, 1});
  EXPECT_NE(picks(*make_scheduler(Algorithm::random, 0), servers, 50),
            picks(*make_scheduler(Algorithm::random, 1), servers, 50));
}

// The theorem: n balls in n bins leave the fullest with ln ln n / ln 2 + O(1) above the mean, where
// a single choice leaves ln n / ln ln n. 100 servers, 100 connections for each.
TEST(TwoChoicesDistribution, StaysWithinTheBoundThatRandomBreaks) {
  Servers two(100);
  held(*make_scheduler(Algorithm::p2c), two, 10'000);
  EXPECT_LT(imbalance(two), 6.0);
  Servers one(100);
  held(*make_scheduler(Algorithm::random), one, 10'000);
  EXPECT_GT(imbalance(one), 12.0);
}

TEST(TwoChoicesDistribution, WeightsCount) {
  auto servers = usable({1, 2, 3, 4});
  EXPECT_LT(worst_imbalance(Algorithm::p2c, servers, 1000), 12.0);
  auto uneven = usable({1, 99});
  held(*make_scheduler(Algorithm::p2c), uneven, 10'000);
  EXPECT_LT(imbalance(uneven), 12.0);
}

// Idle servers have no load to compare: what is left is the draw of the first, by weight.
TEST(TwoChoicesDistribution, IdleServersShareByWeight) {
  const auto scheduler = make_scheduler(Algorithm::p2c);
  auto servers = usable({5, 3, 1, 1});
  scheduler->update(servers.candidates());
  std::vector<int> counts(4);
  for (int i = 0; i < 10'000; ++i) ++counts[scheduler->pick({}).value()];
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(counts[i], 1000 * servers[i].weight, 350) << i;
}

TEST(ShortestExpectedDelay, PrefersTheStrongOneOfTwoIdle) {
  const auto scheduler = make_scheduler(Algorithm::sed);
  auto servers = usable({1, 4});
  // (0+1)/1 against 1/4, 2/4, 3/4; then 4/4 is a tie, which goes by turns.
  EXPECT_EQ(held(*scheduler, servers, 3), (std::vector<uint32_t>{0, 3}));
  EXPECT_EQ(held(*scheduler, servers, 2), (std::vector<uint32_t>{1, 1}));
}

TEST(NeverQueue, WhoIsIdleComesFirst) {
  const auto scheduler = make_scheduler(Algorithm::nq);
  auto servers = usable({1, 4, 1});
  EXPECT_EQ(held(*scheduler, servers, 3), (std::vector<uint32_t>{1, 1, 1}));
  EXPECT_EQ(held(*scheduler, servers, 2), (std::vector<uint32_t>{0, 2, 0})) << "all busy: as sed";
  servers[2].active = 0;
  EXPECT_EQ(held(*scheduler, servers, 1), (std::vector<uint32_t>{0, 0, 1}));
}

TEST(LeastResponseTime, ConnectionsAreInInverseProportionToTheTimes) {
  const TimePoint now{1000h};
  auto servers = usable({1, 1});
  servers[0].connect.sample(1ms, now);
  servers[0].first_byte.sample(3ms, now);
  servers[1].connect.sample(1ms, now);
  servers[1].first_byte.sample(11ms, now);
  held(*make_scheduler(Algorithm::lrt), servers, 400, now);
  EXPECT_NEAR(servers[0].active, 300, 1);
  EXPECT_NEAR(servers[1].active, 100, 1);
}

TEST(LeastResponseTime, WhoWasNotMeasuredCountsAsTheQuickest) {
  const TimePoint now{1000h};
  auto servers = usable({1, 1, 1});
  servers[0].connect.sample(1ms, now);
  servers[1].connect.sample(4ms, now);
  held(*make_scheduler(Algorithm::lrt), servers, 900, now);
  EXPECT_NEAR(servers[0].active, 400, 1);
  EXPECT_NEAR(servers[1].active, 100, 1);
  EXPECT_NEAR(servers[2].active, 400, 1);
}

TEST(LeastResponseTime, AServerThatWasSlowOnceIsTriedAgain) {
  TimePoint now{1000h};
  const auto scheduler = make_scheduler(Algorithm::lrt);
  auto servers = usable({1, 1});
  servers[1].connect.sample(100ms, now);
  const auto b_is_picked = [&] {
    servers[0].connect.sample(1ms, now);
    return *pick(*scheduler, servers, {.now = now}) == 1;
  };
  EXPECT_FALSE(b_is_picked());
  const TimePoint begin = now;
  while (!b_is_picked() && now - begin < 10min) now += 1s;
  EXPECT_GT(now - begin, 10s);
  EXPECT_LT(now - begin, 2min);
}

TEST(ResponseTime, MovesAnEighthOfTheWayAndForgetsByHalves) {
  TimePoint now{1000h};
  ResponseTime time;
  EXPECT_EQ(time.at(now), 0U);
  time.sample(0us, now);
  EXPECT_EQ(time.at(now), 1U) << "0 means: never measured";
  ResponseTime other;
  other.sample(8ms, now);
  EXPECT_EQ(other.at(now), 8000U);
  other.sample(16ms, now);
  EXPECT_EQ(other.at(now), 9000U);
  for (int i = 0; i < 200; ++i) other.sample(1ms, now);
  EXPECT_EQ(other.at(now), 1000U) << "it gets there";
  EXPECT_EQ(other.at(now + ResponseTime::kForget), 1000U);
  EXPECT_EQ(other.at(now + 2 * ResponseTime::kForget), 500U);
  EXPECT_EQ(other.at(now + 3 * ResponseTime::kForget), 250U);
  EXPECT_EQ(other.at(now + 1000 * ResponseTime::kForget), 1U);
}

// One server moves 30 MB/s for somebody else; every connection moves 100 kB/s. After enough of them
// all three move as much.
TEST(LeastBandwidth, EvensOutWhatServersMove) {
  const auto scheduler = make_scheduler(Algorithm::lbw);
  auto servers = usable({1, 1, 1});
  scheduler->update(servers.candidates());
  TimePoint now{1000h};
  for (int tick = 0; tick < 1000; ++tick) {  // of 10 ms, one connection each
    now += 10ms;
    servers[0].bytes_out += 300'000;
    for (TestServer& each : servers) each.bytes_out += each.active * uint64_t{1000};
    ++servers[scheduler->pick({.now = now}).value()].active;
  }
  // 30 + 0.1 a = 0.1 b = 0.1 c, a + b + c = 1000: b = c = 433, a = 133.
  EXPECT_NEAR(servers[0].active, 133, 25);
  EXPECT_NEAR(servers[1].active, 433, 25);
  EXPECT_NEAR(servers[2].active, 433, 25);
}

TEST(LeastBandwidth, WeightsCountAndABurstIsSpread) {
  const auto scheduler = make_scheduler(Algorithm::lbw);
  auto servers = usable({1, 3});
  EXPECT_EQ(held(*scheduler, servers, 400, TimePoint(1000h)), (std::vector<uint32_t>{100, 300}))
      << "all within one moment";
}

TEST(LeastBandwidth, CountersThatAreZeroedHarmNobody) {
  const auto scheduler = make_scheduler(Algorithm::lbw);
  auto servers = usable({1, 1});
  TimePoint now{1000h};
  servers[0].bytes_out = 1'000'000'000;
  pick(*scheduler, servers, {.now = now});
  servers[0].bytes_out = 0;
  EXPECT_EQ(held(*scheduler, servers, 100, now + 1s), (std::vector<uint32_t>{50, 50}));
}

TEST(Failover, TheHighestWeightThatIsUp) {
  const auto scheduler = make_scheduler(Algorithm::fo);
  auto servers = usable({1, 9, 5, 9});
  EXPECT_EQ(picks(*scheduler, servers, 3), "bbb");
  servers[1].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 2), "dd");
  servers[3].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 2), "cc");
  servers[1].usable = true;
  EXPECT_EQ(picks(*scheduler, servers, 2), "bb");
}

// As in IPVS the weight is the number of connections, unless there is a limit.
TEST(Overflow, TheHighestWeightUntilItIsFull) {
  const auto scheduler = make_scheduler(Algorithm::ovf);
  auto servers = usable({2, 5, 3});
  EXPECT_EQ(held(*scheduler, servers, 7), (std::vector<uint32_t>{0, 5, 2}));
  EXPECT_EQ(held(*scheduler, servers, 10), (std::vector<uint32_t>{2, 0, 1})) << "then nobody";
  servers[1].limit = 100;
  EXPECT_EQ(held(*scheduler, servers, 200), (std::vector<uint32_t>{0, 95, 0}));
  servers[2].active = 0;
  EXPECT_EQ(held(*scheduler, servers, 200), (std::vector<uint32_t>{0, 0, 3}));
}

// A tenth of the weight is a tenth of the connections, and what ramps does not lose its turn.
TEST(SlowStart, APartOfTheWeightIsThatPartOfTheConnections) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  auto servers = usable({1, 1});
  servers[1].ramp = Candidate::kWhole / 4;
  const std::string some = picks(*scheduler, servers, 1000);
  EXPECT_EQ(std::ranges::count(some, 'b'), 200);
  // One pick at each step of the ramp: a sequence that began anew every time would never come to b.
  int b = 0;
  for (uint16_t ramp = 26; ramp <= Candidate::kWhole; ++ramp) {
    servers[1].ramp = ramp;
    if (*pick(*scheduler, servers) == 1) ++b;
  }
  // The integral of r / (1 + r) from 0.1 to 1, in 256ths: 256 * (0.9 - ln(2 / 1.1)).
  EXPECT_NEAR(b, 77, 3);
}

}  // namespace
}  // namespace hapair::lbcore::balance
