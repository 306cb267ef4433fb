// Buckets cover 1 us to 1 h without gaps; what is read back is wrong by 1/16 at most.
#include "lbcore/observe/histogram.h"

#include <cmath>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::observe {
namespace {

TEST(Buckets, FollowEachOtherWithoutGaps) {
  for (size_t i = 0; i < Buckets::kCount; ++i) {
    EXPECT_EQ(Buckets::index(Buckets::least(i)), std::min(i, Buckets::index(Buckets::kMostUs)));
    if (Buckets::least(i + 1) > Buckets::kMostUs) break;
    EXPECT_EQ(Buckets::index(Buckets::least(i + 1) - 1), i);
    EXPECT_LT(Buckets::least(i), Buckets::least(i + 1));
  }
}

TEST(Buckets, TheMiddleIsWrongByASixteenthAtMost) {
  for (uint64_t us = 1; us <= Buckets::kMostUs; us += 1 + us / 97) {
    const double told = Buckets::middle(Buckets::index(us));
    const auto real = static_cast<double>(us);
    EXPECT_LE(std::abs(told - real), real / 16) << us << " us told as " << told;
    if (us < 16) {
      EXPECT_EQ(told, real);
    }
  }
}

TEST(Buckets, MoreThanAnHourCountsAsAnHour) {
  EXPECT_EQ(Buckets::index(Buckets::kMostUs + 1), Buckets::index(Buckets::kMostUs));
  EXPECT_EQ(Buckets::index(UINT64_MAX), Buckets::index(Buckets::kMostUs));
}

Distribution of(const Histogram& histogram) {
  Distribution out;
  histogram.add_to(out);
  return out;
}

TEST(Histogram, QuantilesOfAThousandDifferentValues) {
  Histogram histogram;
  for (uint64_t us = 1; us <= 1000; ++us) histogram.add(us);
  const Distribution told = of(histogram);
  EXPECT_EQ(told.count(), 1000U);
  EXPECT_EQ(told.sum_us, 500'500U);
  EXPECT_NEAR(told.quantile_us(0.5), 500, 500.0 / 16);
  EXPECT_NEAR(told.quantile_us(0.9), 900, 900.0 / 16);
  EXPECT_NEAR(told.quantile_us(0.99), 990, 990.0 / 16);
  EXPECT_NEAR(told.quantile_us(0.999), 999, 999.0 / 16);
}

TEST(Histogram, OneSlowOneInAThousandIsTheLastQuantile) {
  Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.add(10);
  histogram.add(1'000'000);
  EXPECT_EQ(of(histogram).quantile_us(0.999), 10);
  EXPECT_NEAR(of(histogram).quantile_us(1), 1e6, 1e6 / 16);
}

TEST(Histogram, NothingInNothingOut) {
  const Histogram histogram;
  EXPECT_EQ(of(histogram).count(), 0U);
  EXPECT_EQ(of(histogram).quantile_us(0.5), 0);
}

TEST(Histogram, ZeroIsCounted) {
  Histogram histogram;
  histogram.add(0);
  EXPECT_EQ(of(histogram).count(), 1U);
  EXPECT_EQ(of(histogram).quantile_us(0.5), 0);
}

TEST(Distribution, CountsUpToABoundAreCumulative) {
  Histogram histogram;
  for (const uint64_t us : {1U, 5U, 15U, 16U, 100U, 5000U}) histogram.add(us);
  const Distribution told = of(histogram);
  EXPECT_EQ(told.count_up_to(0), 0U);
  EXPECT_EQ(told.count_up_to(5), 2U);
  EXPECT_EQ(told.count_up_to(15), 3U);
  EXPECT_EQ(told.count_up_to(1000), 5U);
  EXPECT_EQ(told.count_up_to(Buckets::kMostUs), 6U);
  uint64_t before = 0;
  for (uint64_t us = 1; us < 100'000; us += 1 + us / 31) {
    EXPECT_GE(told.count_up_to(us), before) << us;
    before = told.count_up_to(us);
  }
}

TEST(Distribution, ThoseOfServersAddUpToTheirPools) {
  Histogram a;
  Histogram b;
  a.add(10);
  b.add(10);
  b.add(2000);
  Distribution pool;
  a.add_to(pool);
  b.add_to(pool);
  EXPECT_EQ(pool.count(), 3U);
  EXPECT_EQ(pool.sum_us, 2020U);
}

TEST(LatencySlot, OwnsNothingBeforeTheFirstConnection) {
  LatencySlot slot;
  EXPECT_EQ(slot.peek(), nullptr);
  slot.get().connect.add(7);
  ASSERT_NE(slot.peek(), nullptr);
  Distribution out;
  slot.peek()->connect.add_to(out);
  EXPECT_EQ(out.count(), 1U);
}

TEST(LatencySlot, WorkersThatComeFirstTogetherShareOne) {
  for (int round = 0; round < 50; ++round) {
    LatencySlot slot;
    std::vector<std::thread> workers;
    workers.reserve(4);
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&] {
        for (int n = 0; n < 100; ++n) slot.get().duration.add(3);
      });
    }
    for (std::thread& worker : workers) worker.join();
    Distribution out;
    slot.peek()->duration.add_to(out);
    EXPECT_EQ(out.count(), 400U);
  }
}

}  // namespace
}  // namespace hapair::lbcore::observe
