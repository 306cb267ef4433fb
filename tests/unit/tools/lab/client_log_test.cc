// The demo's figures: what counts as an outage, a failure and a session that kept its server.
#include "tools/lab/client_log.h"

#include <gtest/gtest.h>

namespace hapair::lab {
namespace {

using Outcome = HttpRequest::Outcome;

const TimePoint kStart{1h};

HttpRequest::Answer answered_by(const std::string& server, Duration took = 1ms) {
  return {.outcome = Outcome::answered, .server = server, .via = "10.0.1.1", .took = took};
}
HttpRequest::Answer failed(Outcome outcome) {
  return {.outcome = outcome, .took = 1ms};
}

class ClientLogTest : public ::testing::Test {
 protected:
  /// `count` sessions that s1 has answered before the mark at kStart.
  void settle(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      log_.session_answered(log_.add_session(), answered_by("s1"), kStart - 10ms);
    }
    log_.probed(answered_by("s1"), kStart - 1ms);
    log_.mark(kStart);
  }
  ClientLog log_;
};

TEST_F(ClientLogTest, OutageRunsFromTheLastAnswerToTheNext) {
  settle(1);
  log_.probed(failed(Outcome::refused), kStart + 100ms);
  log_.probed(answered_by("s1"), kStart + 359ms);
  log_.probed(answered_by("s1"), kStart + 361ms);
  const auto report = log_.report(kStart + 362ms);
  EXPECT_EQ(report.outage, 360ms);
  EXPECT_EQ(report.windows, 1U);
}

TEST_F(ClientLogTest, AnOutageThatHasNotEndedCounts) {
  settle(1);
  const auto report = log_.report(kStart + 99ms);
  EXPECT_EQ(report.outage, 100ms);
  EXPECT_EQ(report.windows, 1U);
}

TEST_F(ClientLogTest, AnOutageBeforeTheMarkDoesNotCount) {
  log_.probed(answered_by("s1"), kStart - 500ms);
  settle(1);
  log_.probed(answered_by("s1"), kStart + 1ms);
  EXPECT_EQ(log_.report(kStart + 2ms).outage, 2ms);
}

TEST_F(ClientLogTest, SessionsAreKeptChangedOrSilent) {
  settle(3);
  log_.session_answered(0, answered_by("s1"), kStart + 50ms);
  log_.session_answered(1, answered_by("s2"), kStart + 50ms);
  const size_t young = log_.add_session();
  log_.session_answered(young, answered_by("s3"), kStart + 60ms);
  const auto report = log_.report(kStart + 70ms);
  EXPECT_EQ(report.sessions, 4U);
  EXPECT_EQ(report.kept, 1U);
  EXPECT_EQ(report.changed, 1U);
  EXPECT_EQ(report.silent, 1U);
  EXPECT_EQ(report.fresh, 1U);
  EXPECT_EQ(report.servers, (std::map<std::string, size_t>{{"s1", 2}, {"s2", 1}, {"s3", 1}}));
}

TEST_F(ClientLogTest, ASessionThatChangedAndCameBackHasChanged) {
  settle(1);
  log_.session_answered(0, answered_by("s2"), kStart + 50ms);
  log_.session_answered(0, answered_by("s1"), kStart + 90ms);
  EXPECT_EQ(log_.report(kStart + 100ms).changed, 1U);
}

TEST_F(ClientLogTest, AnAnswerAskedForBeforeTheMarkProvesNothing) {
  settle(1);
  log_.session_answered(0, answered_by("s1", 20ms), kStart + 10ms);
  EXPECT_EQ(log_.silent(), 1U);
  log_.session_answered(0, answered_by("s1", 5ms), kStart + 10ms);
  EXPECT_EQ(log_.silent(), 0U);
}

TEST_F(ClientLogTest, FailuresAreCountedByKind) {
  settle(1);
  log_.session_answered(0, failed(Outcome::reset), kStart + 10ms);
  log_.session_answered(0, failed(Outcome::refused), kStart + 20ms);
  log_.session_answered(0, failed(Outcome::refused), kStart + 30ms);
  log_.session_answered(0, answered_by("s1", 700ms), kStart + 800ms);
  const auto report = log_.report(kStart + 900ms);
  EXPECT_EQ(report.requests, 4U);
  EXPECT_EQ(report.failed, 3U);
  EXPECT_EQ(report.delayed, 1U);
  EXPECT_EQ(report.outcomes.at(static_cast<size_t>(Outcome::refused)), 2U);
  EXPECT_EQ(report.outcomes.at(static_cast<size_t>(Outcome::reset)), 1U);
  EXPECT_EQ(report.kept, 1U);
}

}  // namespace
}  // namespace hapair::lab
