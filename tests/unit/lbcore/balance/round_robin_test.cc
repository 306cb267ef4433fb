#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

TEST(RoundRobin, FollowsTheListAndIgnoresWeights) {
  const auto scheduler = make_scheduler(Algorithm::rr);
  EXPECT_EQ(picks(*scheduler, usable({1, 9, 1}), 7), "abcabca");
}

TEST(RoundRobin, SkipsWhatIsDownWithoutLosingItsPlace) {
  const auto scheduler = make_scheduler(Algorithm::rr);
  auto candidates = usable({1, 1, 1, 1});
  EXPECT_EQ(picks(*scheduler, candidates, 2), "ab");
  candidates[2].usable = false;
  EXPECT_EQ(picks(*scheduler, candidates, 4), "dabd");
  candidates[2].usable = true;
  EXPECT_EQ(picks(*scheduler, candidates, 4), "abcd");
}

TEST(RoundRobin, WorkersBeginStaggered) {
  const auto candidates = usable({1, 1, 1});
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 0), candidates, 4), "abca");
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 1), candidates, 4), "bcab");
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 5), candidates, 4), "cabc");
}

}  // namespace
}  // namespace hapair::lbcore::balance
