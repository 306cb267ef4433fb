#include <array>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

TEST(LeastConnections, PicksTheFewest) {
  const auto scheduler = make_scheduler(Algorithm::lc);
  auto candidates = usable({1, 1, 1});
  candidates[0].active = 4;
  candidates[1].active = 2;
  candidates[2].active = 3;
  EXPECT_EQ(picks(*scheduler, candidates, 3), "bbb");
  candidates[1].usable = false;
  EXPECT_EQ(picks(*scheduler, candidates, 2), "cc");
}

TEST(LeastConnections, EqualsTakeTurns) {
  const auto scheduler = make_scheduler(Algorithm::lc);
  auto candidates = usable({1, 1, 1, 1});
  EXPECT_EQ(picks(*scheduler, candidates, 6), "abcdab");
  candidates[2].active = 1;
  EXPECT_EQ(picks(*scheduler, candidates, 6), "dabdab");
}

TEST(LeastConnections, WorkersBeginStaggered) {
  const auto candidates = usable({1, 1, 1});
  EXPECT_EQ(picks(*make_scheduler(Algorithm::lc, 2), candidates, 3), "cab");
}

TEST(WeightedLeastConnections, ComparesConnectionsPerWeight) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  auto candidates = usable({1, 4});
  candidates[0].active = 2;  // 2 each
  candidates[1].active = 7;  // 1.75 each
  EXPECT_EQ(picks(*scheduler, candidates, 2), "bb");
  candidates[1].active = 9;  // 2.25 each
  EXPECT_EQ(picks(*scheduler, candidates, 2), "aa");
}

// Short connections: all servers are idle at every pick, and still the weights count.
TEST(WeightedLeastConnections, EqualsShareByWeight) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  EXPECT_EQ(picks(*scheduler, usable({5, 1, 1}), 14), "aabacaaaabacaa");
}

// Long connections: what is open in the end is in proportion to the weights, exactly.
TEST(WeightedLeastConnections, OpenConnectionsFollowTheWeights) {
  const auto scheduler = make_scheduler(Algorithm::wlc);
  auto candidates = usable({6, 3, 1});
  for (int i = 0; i < 1000; ++i) {
    const auto index = scheduler->pick(candidates, 0);
    ASSERT_TRUE(index);
    ++candidates[*index].active;
  }
  EXPECT_EQ(candidates[0].active, 600U);
  EXPECT_EQ(candidates[1].active, 300U);
  EXPECT_EQ(candidates[2].active, 100U);
}

}  // namespace
}  // namespace hapair::lbcore::balance
