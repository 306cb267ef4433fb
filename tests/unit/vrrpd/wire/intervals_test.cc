// The worked values of RFC 9568 section 6.1's arithmetic.
#include "vrrpd/wire/intervals.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

TEST(Intervals, priority_100_at_10ms) {
  EXPECT_EQ(skew_time(100, 10ms), 6093750ns);
  EXPECT_EQ(active_down_interval(100, 10ms), 36093750ns);
}

TEST(Intervals, priority_254_at_10ms_still_has_a_skew) {
  EXPECT_EQ(skew_time(254, 10ms), 78125ns);
  EXPECT_EQ(active_down_interval(254, 10ms), 30078125ns);
}

TEST(Intervals, priority_200_at_1s) {
  EXPECT_EQ(skew_time(200, 1s), 218750us);
  EXPECT_EQ(active_down_interval(200, 1s), 3218750us);
}

TEST(Intervals, in_version_2_the_skew_is_a_share_of_a_second_whatever_the_interval) {
  EXPECT_EQ(skew_time(200, 1s, 2), 218750us);
  EXPECT_EQ(skew_time(200, 5s, 2), 218750us);
  EXPECT_EQ(active_down_interval(200, 5s, 2), 15218750us);
}

TEST(Intervals, the_longest_interval_does_not_overflow) {
  EXPECT_EQ(active_down_interval(1, from_centiseconds(4095)),
            3 * 40950ms + Duration(40950ms) * 255 / 256);
}

TEST(Intervals, centiseconds_round_trip) {
  for (const uint16_t cs : {1, 10, 100, 4095})
    EXPECT_EQ(to_centiseconds(from_centiseconds(cs)), cs);
}

}  // namespace
}  // namespace hapair::vrrp
