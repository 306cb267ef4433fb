// Arrivals in / allowed or not.
#include "lbcore/limit/rate.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::limit {
namespace {

const TimePoint kStart{1000s};

class Counted {
 public:
  explicit Counted(uint32_t per_second) : per_second_(per_second) {}
  bool allow(TimePoint now) { return rate_.allow(per_second_, now); }
  int allowed_of(int count, TimePoint now) {
    int allowed = 0;
    for (int i = 0; i < count; ++i) allowed += allow(now) ? 1 : 0;
    return allowed;
  }

 private:
  uint32_t per_second_;
  SharedRate rate_;
};

TEST(Rate, ABurstOfOneSecondsWorthAfterSilence) {
  for (const uint32_t rate : {1U, 2U, 3U, 7U, 100U, 1000000U}) {
    Counted counted(rate);
    EXPECT_EQ(counted.allowed_of(static_cast<int>(rate) + 50, kStart), static_cast<int>(rate));
  }
}

TEST(Rate, ThenOneForEachShareOfASecond) {
  Counted counted(10);
  counted.allowed_of(10, kStart);
  EXPECT_FALSE(counted.allow(kStart + 99ms));
  EXPECT_TRUE(counted.allow(kStart + 100ms));
  EXPECT_FALSE(counted.allow(kStart + 100ms));
  EXPECT_EQ(counted.allowed_of(100, kStart + 400ms), 3);
  EXPECT_EQ(counted.allowed_of(100, kStart + 1h), 10);
}

TEST(Rate, WhatIsRefusedCostsNothing) {
  Counted counted(10);
  counted.allowed_of(10, kStart);
  for (int ms = 0; ms < 100; ++ms) EXPECT_FALSE(counted.allow(kStart + ms * 1ms));
  EXPECT_TRUE(counted.allow(kStart + 100ms));
}

TEST(Rate, OverALongTimeExactlyTheRate) {
  Counted counted(50);
  int allowed = 0;
  for (int ms = 0; ms < 60000; ++ms) allowed += counted.allow(kStart + ms * 1ms) ? 1 : 0;
  EXPECT_NEAR(allowed, 50 * 60 + 50, 1);
}

TEST(Rate, ExactOverThreads) {
  Counted counted(1000);
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { allowed += counted.allowed_of(1000, kStart); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 1000);
}

}  // namespace
}  // namespace hapair::lbcore::limit
