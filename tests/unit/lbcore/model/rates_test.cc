#include "lbcore/model/rates.h"

#include <gtest/gtest.h>

namespace hapair::lbcore {
namespace {

const TimePoint kStart{1000h};

TEST(RateMeter, TheFirstSampleIsNoRate) {
  RateMeter meter;
  meter.sample({.connections = 1000000}, kStart);
  EXPECT_EQ(meter.rates().connections, 0);
}

TEST(RateMeter, GoesAQuarterOfTheWayEachSecond) {
  RateMeter meter;
  meter.sample({}, kStart);
  meter.sample({.connections = 400, .bytes_out = 4000}, kStart + 1s);
  EXPECT_DOUBLE_EQ(meter.rates().connections, 100);
  EXPECT_DOUBLE_EQ(meter.rates().bytes_out, 1000);
  meter.sample({.connections = 800, .bytes_out = 8000}, kStart + 2s);
  EXPECT_DOUBLE_EQ(meter.rates().connections, 175);
}

TEST(RateMeter, ComesToTheTrueRateAndBackToNothing) {
  RateMeter meter;
  Totals totals;
  for (int second = 0; second <= 30; ++second) {
    meter.sample(totals, kStart + second * 1s);
    totals.packets_in += 50;
  }
  EXPECT_NEAR(meter.rates().packets_in, 50, 0.1);
  for (int second = 31; second <= 62; ++second) meter.sample(totals, kStart + second * 1s);
  EXPECT_NEAR(meter.rates().packets_in, 0, 0.1);
}

TEST(RateMeter, ALateSampleCountsForItsWholeTime) {
  RateMeter meter;
  meter.sample({}, kStart);
  meter.sample({.packets_out = 400}, kStart + 4s);
  EXPECT_DOUBLE_EQ(meter.rates().packets_out, 25);
}

}  // namespace
}  // namespace hapair::lbcore
