#include "common/rate_limit.h"

#include <gtest/gtest.h>

namespace hapair {
namespace {

TEST(RateLimit, PassesTheBurstThenOnePerPeriod) {
  RateLimit limit(2, 1s);
  TimePoint now{100s};
  EXPECT_TRUE(limit.allow(now));
  EXPECT_TRUE(limit.allow(now));
  EXPECT_FALSE(limit.allow(now));
  EXPECT_FALSE(limit.allow(now + 999ms));
  EXPECT_EQ(limit.take_suppressed(), 2U);
  EXPECT_EQ(limit.take_suppressed(), 0U);
  EXPECT_TRUE(limit.allow(now + 1s));
  EXPECT_FALSE(limit.allow(now + 1s));
  EXPECT_TRUE(limit.allow(now + 100s));
  EXPECT_TRUE(limit.allow(now + 100s));
  EXPECT_FALSE(limit.allow(now + 100s)) << "a long silence refills no more than the burst";
}

}  // namespace
}  // namespace hapair
