#include "common/rise_fall.h"

#include <string>

#include <gtest/gtest.h>

namespace hapair {
namespace {

/// Feeds '+' and '-', answers with the verdict after each: 'U' and 'D' where it changed, 'u' and
/// 'd' where it stayed.
std::string verdicts(RiseFall& state, const std::string& results) {
  std::string out;
  for (const char result : results) {
    const bool changed = state.result(result == '+');
    out += state.up() ? (changed ? 'U' : 'u') : (changed ? 'D' : 'd');
  }
  return out;
}

TEST(RiseFall, StartsDownAndUndecided) {
  const RiseFall state(2, 3);
  EXPECT_FALSE(state.up());
  EXPECT_FALSE(state.decided());
}

TEST(RiseFall, TheFirstResultDecides) {
  RiseFall good(5, 5);
  EXPECT_EQ(verdicts(good, "+"), "U");
  EXPECT_TRUE(good.decided());
  RiseFall bad(5, 5);
  EXPECT_EQ(verdicts(bad, "-"), "d");
  EXPECT_TRUE(bad.decided());
}

TEST(RiseFall, AfterwardsItTakesResultsInARow) {
  RiseFall state(2, 3);
  EXPECT_EQ(verdicts(state, "+--+--+---"), "UuuuuuuuuD");
  EXPECT_EQ(verdicts(state, "+-+-++"), "dddddU");
  EXPECT_EQ(verdicts(state, "---"), "uuD");
}

TEST(RiseFall, AServerWhoseFirstCheckFailedNeedsItsRises) {
  RiseFall state(2, 3);
  EXPECT_EQ(verdicts(state, "-+-++"), "ddddU");
}

TEST(RiseFall, OneInARowIsAtOnce) {
  RiseFall state(1, 1);
  EXPECT_EQ(verdicts(state, "+-+-"), "UDUD");
}

TEST(RiseFall, CountsHowFarItIs) {
  RiseFall state(2, 3);
  verdicts(state, "+--");
  EXPECT_EQ(state.against(), 2U);
  EXPECT_EQ(state.threshold(), 3U);
  verdicts(state, "-");
  EXPECT_EQ(state.against(), 0U);
  EXPECT_EQ(state.threshold(), 2U);
}

TEST(RiseFall, OtherThresholdsKeepTheVerdict) {
  RiseFall state(2, 3);
  verdicts(state, "+--");
  state.set_thresholds(2, 5);
  EXPECT_TRUE(state.up());
  EXPECT_EQ(verdicts(state, "---"), "uuD");
}

TEST(RiseFall, CanBeDecidedWithoutAResult) {
  RiseFall state(2, 2);
  state.decide(true);
  EXPECT_TRUE(state.up());
  EXPECT_EQ(verdicts(state, "--"), "uD") << "and is no first result any more";
}

}  // namespace
}  // namespace hapair
