#include "tools/pairadm/human.h"

#include <gtest/gtest.h>

namespace hapair::pairadm {
namespace {

TEST(Human, Commas) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(123456), "123,456");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
}

TEST(Human, Age) {
  EXPECT_EQ(age(0), "0 ms");
  EXPECT_EQ(age(999), "999 ms");
  EXPECT_EQ(age(1000), "1 s");
  EXPECT_EQ(age(59'999), "59 s");
  EXPECT_EQ(age(60'000), "1m 00s");
  EXPECT_EQ(age(3'599'000), "59m 59s");
  EXPECT_EQ(age(3'600'000), "1h 00m");
  EXPECT_EQ(age(86'399'000), "23h 59m");
  EXPECT_EQ(age(273'120'000), "3d 03:52");
}

TEST(Human, Count) {
  EXPECT_EQ(count(0, "server"), "0 servers");
  EXPECT_EQ(count(1, "server"), "1 server");
  EXPECT_EQ(count(2000, "server"), "2,000 servers");
}

}  // namespace
}  // namespace hapair::pairadm
