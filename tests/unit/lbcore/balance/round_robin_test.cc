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
  auto servers = usable({1, 1, 1, 1});
  EXPECT_EQ(picks(*scheduler, servers, 2), "ab");
  servers[2].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 4), "dabd");
  servers[2].usable = true;
  EXPECT_EQ(picks(*scheduler, servers, 4), "abcd");
}

TEST(RoundRobin, WorkersBeginStaggered) {
  const auto servers = usable({1, 1, 1});
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 0), servers, 4), "abca");
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 1), servers, 4), "bcab");
  EXPECT_EQ(picks(*make_scheduler(Algorithm::rr, 5), servers, 4), "cabc");
}

}  // namespace
}  // namespace hapair::lbcore::balance
