// The course of one connection as its phases pass by.
#include "lbcore/observe/trace.h"

#include <gtest/gtest.h>

namespace hapair::lbcore::observe {
namespace {

const TimePoint kAccepted{100s};

TEST(Trace, TimesOfARequestAndItsAnswer) {
  Trace trace(kAccepted);
  trace.asked(kAccepted + 20us);
  EXPECT_EQ(trace.connected(kAccepted + 320us), 300U);
  trace.from_client(100, kAccepted + 1ms);
  EXPECT_TRUE(trace.from_server(40, kAccepted + 6ms));
  EXPECT_FALSE(trace.from_server(2, kAccepted + 7ms));
  EXPECT_EQ(trace.queue_us(), 20U);
  EXPECT_EQ(trace.first_byte_us(), 5000U);
  EXPECT_EQ(trace.bytes_in(), 100U);
  EXPECT_EQ(trace.bytes_out(), 42U);
  EXPECT_EQ(trace.lasted_us(kAccepted + 9ms), 9000U);
}

TEST(Trace, AServerThatSpeaksFirstIsTimedFromItsAcceptance) {
  Trace trace(kAccepted);
  trace.asked(kAccepted);
  trace.connected(kAccepted + 1ms);
  EXPECT_TRUE(trace.from_server(10, kAccepted + 3ms));
  trace.from_client(5, kAccepted + 8ms);
  EXPECT_EQ(trace.first_byte_us(), 2000U);
}

TEST(Trace, AClientThatThinksFirstIsNotTheServersDelay) {
  Trace trace(kAccepted);
  trace.connected(kAccepted + 1ms);
  trace.from_client(5, kAccepted + 10s);
  trace.from_server(5, kAccepted + 10s + 4ms);
  EXPECT_EQ(trace.first_byte_us(), 4000U);
}

TEST(Trace, TheLastServerAskedCounts) {
  Trace trace(kAccepted);
  trace.asked(kAccepted + 1ms);
  trace.asked(kAccepted + 101ms);
  EXPECT_EQ(trace.connected(kAccepted + 103ms), 2000U);
  EXPECT_EQ(trace.queue_us(), 101'000U);
}

TEST(Trace, ALoopsCoarserTimeNeverMakesADurationNegative) {
  Trace trace(kAccepted);
  trace.asked(kAccepted + 50us);
  trace.connected(kAccepted + 90us);
  trace.from_client(1, kAccepted);
  EXPECT_TRUE(trace.from_server(1, kAccepted + 10us));
  EXPECT_EQ(trace.first_byte_us(), 0U);
  EXPECT_EQ(trace.lasted_us(kAccepted - 1us), 0U);
}

TEST(Trace, TheFirstReasonOfAnEndStays) {
  Trace trace(kAccepted);
  EXPECT_EQ(trace.end().by, EndedBy::both);
  trace.ended(EndedBy::server, During::data);
  trace.ended(EndedBy::stop, During::last_data);
  EXPECT_EQ(trace.end().by, EndedBy::server);
  EXPECT_EQ(trace.end().during, During::data);
}

}  // namespace
}  // namespace hapair::lbcore::observe
