#include <array>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

TEST(LeastConnections, PicksTheFewest) {
  const auto scheduler = make_scheduler(Algorithm::lc);
  auto servers = usable({1, 1, 1});
  servers[0].active = 4;
  servers[1].active = 2;
  servers[2].active = 3;
  EXPECT_EQ(picks(*scheduler, servers, 3), "bbb");
  servers[1].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 2), "cc");
}

TEST(LeastConnections, EqualsTakeTurns) {
  const auto scheduler = make_scheduler(Algorithm::lc);
  auto servers = usable({1, 1, 1, 1});
  EXPECT_EQ(picks(*scheduler, servers, 6), "abcdab");
  servers[2].active = 1;
  EXPECT_EQ(picks(*scheduler, servers, 6), "dabdab");
}

TEST(LeastConnections, WorkersBeginStaggered) {
  const auto servers = usable({1, 1, 1});
  EXPECT_EQ(picks(*make_scheduler(Algorithm::lc, 2), servers, 3), "cab");
}

TEST(WeightedLeastConnections, ComparesConnectionsPerWeight) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  auto servers = usable({1, 4});
  servers[0].active = 2;  // 2 each
  servers[1].active = 7;  // 1.75 each
  EXPECT_EQ(picks(*scheduler, servers, 2), "bb");
  servers[1].active = 9;  // 2.25 each
  EXPECT_EQ(picks(*scheduler, servers, 2), "aa");
}

// Short connections: all servers are idle at every pick, and still the weights count.
TEST(WeightedLeastConnections, EqualsShareByWeight) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  EXPECT_EQ(picks(*scheduler, usable({5, 1, 1}), 14), "aabacaaaabacaa");
}

// Long connections: what is open in the end is in proportion to the weights, exactly.
TEST(WeightedLeastConnections, OpenConnectionsFollowTheWeights) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  auto servers = usable({6, 3, 1});
  for (int i = 0; i < 1000; ++i) {
    const auto index = pick(*scheduler, servers);
    ASSERT_TRUE(index);
    ++servers[*index].active;
  }
  EXPECT_EQ(servers[0].active, 600U);
  EXPECT_EQ(servers[1].active, 300U);
  EXPECT_EQ(servers[2].active, 100U);
}

}  // namespace
}  // namespace hapair::lbcore::balance
