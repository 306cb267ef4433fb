// The queue of changes: order, coalescing of a backlog, the bound, and removals that are
// remembered.
#include "lbcore/replicate/change_queue.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::lbcore::replicate {
namespace {

using testing::ElementsAre;

constexpr TimePoint kNow{1h};

sticky::SessionChange put(uint32_t key, uint64_t version) {
  return {0, {IpAddress::v4(key), 1, version, {}}, false};
}
sticky::SessionChange removal(uint32_t key, uint64_t version) {
  return {0, {IpAddress::v4(key), 0, version, {}}, true};
}

/// Versions in the order in which they leave.
std::vector<uint64_t> pop(ChangeQueue& queue, size_t most, uint64_t sequence = 1) {
  std::vector<sticky::SessionChange> out;
  queue.pop(most, sequence, out);
  std::vector<uint64_t> versions;
  versions.reserve(out.size());
  for (const auto& change : out) versions.push_back(change.session.version);
  return versions;
}

TEST(ChangeQueue, KeepsTheOrder) {
  ChangeQueue queue(100);
  for (uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(queue.push(put(10 - i, i), kNow));
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_THAT(pop(queue, 2), ElementsAre(1, 2));
  EXPECT_THAT(pop(queue, 9), ElementsAre(3, 4, 5));
  EXPECT_TRUE(queue.empty());
}

TEST(ChangeQueue, CoalescesWhatPilesUpAndKeepsItsPlaceAndAge) {
  ChangeQueue queue(100);
  queue.push(put(1, 1), kNow);
  queue.push(put(2, 2), kNow + 1s);
  queue.push(put(3, 3), kNow + 2s);
  EXPECT_THAT(pop(queue, 1), ElementsAre(1));  // a backlog of two now
  EXPECT_EQ(queue.oldest(), kNow + 1s);
  queue.push(put(2, 4), kNow + 3s);
  queue.push(put(1, 5), kNow + 4s);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.oldest(), kNow + 1s);
  EXPECT_THAT(pop(queue, 9), ElementsAre(4, 3, 5));
}

TEST(ChangeQueue, IsFullOnlyWhenCoalescingDoesNotHelp) {
  ChangeQueue queue(3);
  for (uint64_t i = 1; i <= 10; ++i) EXPECT_TRUE(queue.push(put(i % 3, i), kNow));
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_FALSE(queue.push(put(7, 11), kNow));
  EXPECT_TRUE(queue.push(put(0, 12), kNow)) << "one that waits already needs no room";
  EXPECT_THAT(pop(queue, 9), ElementsAre(10, 8, 12));
}

TEST(ChangeQueue, SurvivesLongBacklogs) {
  ChangeQueue queue(1000);
  uint64_t version = 0;
  std::vector<uint64_t> newest(50);
  std::vector<uint64_t> left(50);
  for (int round = 0; round < 2000; ++round) {
    const auto key = static_cast<uint32_t>(round * 7 % 50);
    ASSERT_TRUE(queue.push(put(key, ++version), kNow));
    newest[key] = version;
    if (round % 3 != 0) continue;
    std::vector<sticky::SessionChange> out;
    queue.pop(1, 1, out);
    left[out[0].session.key.v4_host_order()] = out[0].session.version;
  }
  std::vector<sticky::SessionChange> out;
  queue.pop(1000, 1, out);
  for (const auto& change : out) left[change.session.key.v4_host_order()] = change.session.version;
  EXPECT_EQ(left, newest);
}

TEST(ChangeQueue, RemembersARemovalUntilItIsAcknowledged) {
  ChangeQueue queue(100);
  EXPECT_FALSE(queue.buried(put(1, 3)));
  queue.push(removal(1, 5), kNow);
  EXPECT_TRUE(queue.buried(put(1, 5)));
  EXPECT_FALSE(queue.buried(put(1, 6))) << "newer than what was removed";
  EXPECT_FALSE(queue.buried(put(2, 5)));
  queue.acknowledged(1000);  // it has not left yet
  EXPECT_TRUE(queue.buried(put(1, 5)));
  pop(queue, 1, 20);
  queue.acknowledged(19);
  EXPECT_TRUE(queue.buried(put(1, 5)));
  queue.acknowledged(20);
  EXPECT_FALSE(queue.buried(put(1, 5)));
}

TEST(ChangeQueue, ALaterRemovalTakesTheGraveOver) {
  ChangeQueue queue(100);
  queue.push(removal(1, 5), kNow);
  pop(queue, 1, 20);
  queue.push(removal(1, 7), kNow);
  pop(queue, 1, 21);
  queue.acknowledged(20);
  EXPECT_TRUE(queue.buried(put(1, 7)));
  queue.acknowledged(21);
  EXPECT_FALSE(queue.buried(put(1, 7)));
}

TEST(ChangeQueue, ARemovalThatANewerPutReplacedIsRememberedToo) {
  ChangeQueue queue(100);
  queue.push(put(9, 1), kNow);
  queue.push(removal(1, 5), kNow);
  pop(queue, 1, 19);
  queue.push(put(1, 6), kNow);  // coalesced: the removal itself never travels
  EXPECT_TRUE(queue.buried(put(1, 5)));
  EXPECT_THAT(pop(queue, 9, 20), ElementsAre(6));
  queue.acknowledged(20);
  EXPECT_FALSE(queue.buried(put(1, 5)));
}

TEST(ChangeQueue, ClearingKeepsRemovalsUntilWhatWasSentIsAcknowledged) {
  ChangeQueue queue(100);
  queue.push(removal(1, 5), kNow);
  queue.clear(33);
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.buried(put(1, 5)));
  queue.acknowledged(33);
  EXPECT_FALSE(queue.buried(put(1, 5)));
}

}  // namespace
}  // namespace hapair::lbcore::replicate
