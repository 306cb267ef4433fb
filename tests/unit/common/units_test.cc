#include "common/units.h"

#include <gtest/gtest.h>

namespace hapair {
namespace {

TEST(Units, Durations) {
  EXPECT_EQ(*parse_duration("10ms"), 10ms);
  EXPECT_EQ(*parse_duration("250us"), 250us);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("5m"), 5min);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("1d"), 24h);
  EXPECT_EQ(*parse_duration("0"), 0s);
  for (const char* text :
       {"", "10", "ms", "10 ms", "-1s", "1e3s", "10msx", "infs", "nans", "99999999999d", "0x10s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, DurationsReadBack) {
  for (const char* text : {"10ms", "1.5s", "5m", "2h", "1d", "250us", "30.078ms"}) {
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
  }
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(0s), "0s");
}

TEST(Units, Sizes) {
  EXPECT_EQ(*parse_size("17"), 17U);
  EXPECT_EQ(*parse_size("64k"), 65536U);
  EXPECT_EQ(*parse_size("1m"), 1048576U);
  for (const char* text : {"", "k", "1.5k", "-1", "1kb", "18446744073709551615k"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, SwitchesAndIntegers) {
  EXPECT_TRUE(*parse_switch("yes"));
  EXPECT_FALSE(*parse_switch("off"));
  EXPECT_FALSE(parse_switch("maybe"));
  EXPECT_EQ(*parse_integer("-5"), -5);
  for (const char* text : {"", "5 ", "0x5", "5.0", "9223372036854775808"})
    EXPECT_FALSE(parse_integer(text)) << text;
}

}  // namespace
}  // namespace hapair
