// Dead connections and time in / whom to tell now.
#include "lbcore/orphans/reset_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint kStart{1000s};
const auto kAllDead = [](const Ends&) { return true; };

TEST(ResetQueue, TellsEachOneSeveralTimesAndNoMore) {
  ResetQueue queue;
  EXPECT_EQ(queue.next_due(), std::nullopt);
  EXPECT_EQ(queue.add({client(1)}, kStart), 1U);
  std::vector<Duration> when;
  while (const auto due = queue.next_due()) {
    EXPECT_THAT(queue.due(10, *due - 1ms, kAllDead).dead, IsEmpty()) << "not before its time";
    const auto batch = queue.due(10, *due, kAllDead);
    EXPECT_THAT(batch.dead, ElementsAre(client(1)));
    EXPECT_EQ(batch.round, when.size());
    when.push_back(*due - kStart);
    queue.tried(batch, 1, *due);
    EXPECT_TRUE(queue.all_tried());
  }
  EXPECT_THAT(when, ElementsAre(0ms, 50ms, 150ms, 700ms, 1500ms));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(ResetQueue, ThoseThatWereNeverTriedGoFirst) {
  ResetQueue queue;
  queue.add({client(1), client(2), client(3)}, kStart);
  auto batch = queue.due(2, kStart, kAllDead);
  EXPECT_THAT(batch.dead, ElementsAre(client(1), client(2)));
  queue.tried(batch, 2, kStart);
  queue.add({client(4)}, kStart + 60ms);
  batch = queue.due(3, kStart + 60ms, kAllDead);
  EXPECT_EQ(batch.round, 0U);
  EXPECT_THAT(batch.dead, ElementsAre(client(3), client(4)));
  queue.tried(batch, 2, kStart + 60ms);
  EXPECT_THAT(queue.due(3, kStart + 60ms, kAllDead).dead, ElementsAre(client(1), client(2)));
}

TEST(ResetQueue, WhatFoundNoRoomInTheKernelIsFirstAgain) {
  ResetQueue queue;
  queue.add({client(1), client(2), client(3)}, kStart);
  auto batch = queue.due(3, kStart, kAllDead);
  queue.tried(batch, 1, kStart);
  EXPECT_FALSE(queue.all_tried());
  batch = queue.due(3, kStart + 1ms, kAllDead);
  EXPECT_THAT(batch.dead, ElementsAre(client(2), client(3)));
  queue.tried(batch, 0, kStart + 1ms);
  EXPECT_EQ(queue.size(), 3U);
}

TEST(ResetQueue, TheLivingAreForgotten) {
  ResetQueue queue;
  queue.add({client(1), client(2)}, kStart);
  const auto batch = queue.due(3, kStart, [](const Ends& each) { return each == client(2); });
  EXPECT_THAT(batch.dead, ElementsAre(client(2)));
  queue.tried(batch, 1, kStart);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(ResetQueue, TakesNoMoreThanItsBound) {
  ResetQueue queue(3);
  EXPECT_EQ(queue.add({client(1), client(2)}, kStart), 2U);
  EXPECT_EQ(queue.add({client(3), client(4)}, kStart), 1U);
  EXPECT_EQ(queue.add({client(5)}, kStart), 0U);
  EXPECT_THAT(queue.due(9, kStart, kAllDead).dead, ElementsAre(client(1), client(2), client(3)));
}

}  // namespace
}  // namespace hapair::lbcore::orphans::test
