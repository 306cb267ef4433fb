#include "lbcore/sticky/session_table.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/sticky/fixture.h"

namespace hapair::lbcore::sticky {
namespace {

class SessionTableTest : public testing::Test {
 protected:
  SessionTableTest() { introduce_all(table_); }

  void introduce_all(SessionTable& table) const {
    for (const auto& server : servers_) table.introduce(server);
  }

  std::vector<std::shared_ptr<LiveServer>> servers_{make_server(0), make_server(1), make_server(2)};
  SessionTable table_{{.max_entries = 4, .timeout = 10s}};
};

std::vector<IpAddress> keys(const std::vector<Session>& sessions) {
  std::vector<IpAddress> out;
  out.reserve(sessions.size());
  for (const Session& session : sessions) out.push_back(session.key);
  return out;
}

TEST_F(SessionTableTest, RemembersTheServerOfAKey) {
  EXPECT_EQ(table_.use(client(1), kStart), std::nullopt);
  const auto put = table_.put(client(1), 2, kStart);
  EXPECT_TRUE(put.changed);
  EXPECT_EQ(put.session.version, 1U);
  EXPECT_EQ(table_.use(client(1), kStart), ServerId{2});
  EXPECT_EQ(table_.use(client(2), kStart), std::nullopt);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(SessionTableTest, AnotherServerIsANewVersionTheSameOneIsNot) {
  table_.put(client(1), 0, kStart);
  const auto same = table_.put(client(1), 0, kStart + 3s);
  EXPECT_FALSE(same.changed);
  EXPECT_EQ(same.session.version, 1U);
  EXPECT_EQ(same.session.idle, 0s) << "but it counts as used";
  const auto other = table_.put(client(1), 1, kStart + 3s);
  EXPECT_TRUE(other.changed);
  EXPECT_EQ(other.session.version, 2U);
  EXPECT_EQ(table_.use(client(1), kStart), ServerId{1});
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(SessionTableTest, ExpiresTheOldestFirstAndUseRestartsTheTimeout) {
  table_.put(client(1), 0, kStart);
  table_.put(client(2), 0, kStart + 1s);
  table_.put(client(3), 0, kStart + 2s);
  table_.use(client(1), kStart + 5s);
  EXPECT_TRUE(table_.expire(kStart + 11s - 1ns, 9).empty());
  EXPECT_EQ(keys(table_.expire(kStart + 11s, 9)), std::vector{client(2)});
  EXPECT_EQ(keys(table_.expire(kStart + 60s, 1)), std::vector{client(3)}) << "a bounded number";
  EXPECT_EQ(keys(table_.expire(kStart + 60s, 9)), std::vector{client(1)});
  EXPECT_EQ(table_.size(), 0U);
}

// The first clients after a failover come before anyone has told the table that it is in charge.
TEST_F(SessionTableTest, AnOverdueEntryLivesUntilItIsRemoved) {
  table_.put(client(1), 1, kStart);
  EXPECT_EQ(table_.use(client(1), kStart + 1h), ServerId{1});
  EXPECT_TRUE(table_.expire(kStart + 1h, 9).empty()) << "and using it has restarted its timeout";
}

TEST_F(SessionTableTest, ANewOwnerRestartsAllTimeouts) {
  table_.put(client(1), 0, kStart);
  table_.put(client(2), 0, kStart + 1s);
  table_.restart_timeouts(kStart + 1h);
  EXPECT_EQ(table_.peek(client(1), kStart + 1h + 4s)->idle, 4s);
  EXPECT_TRUE(table_.expire(kStart + 1h + 9s, 9).empty());
  EXPECT_EQ(keys(table_.expire(kStart + 1h + 10s, 9)), (std::vector{client(1), client(2)}));
}

TEST_F(SessionTableTest, WhenFullTheLeastRecentlyUsedMakesRoom) {
  for (uint32_t n = 0; n < 4; ++n) EXPECT_FALSE(table_.put(client(n), 0, kStart).evicted);
  table_.use(client(0), kStart + 1s);
  const auto put = table_.put(client(9), 0, kStart + 2s);
  ASSERT_TRUE(put.evicted);
  EXPECT_EQ(put.evicted->key, client(1));
  EXPECT_EQ(put.evicted->version, 2U);
  EXPECT_EQ(table_.size(), 4U);
  EXPECT_FALSE(table_.put(client(9), 1, kStart + 2s).evicted) << "changing an entry needs no room";
}

TEST_F(SessionTableTest, ALowerBoundEvictsAtOnce) {
  for (uint32_t n = 0; n < 4; ++n) table_.put(client(n), 0, kStart);
  EXPECT_EQ(keys(table_.set_limits({.max_entries = 2, .timeout = 10s}, kStart)),
            (std::vector{client(0), client(1)}));
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(SessionTableTest, AnotherTimeoutHoldsForEntriesThatAreThere) {
  table_.put(client(1), 0, kStart);
  table_.set_limits({.max_entries = 4, .timeout = 2s}, kStart);
  EXPECT_EQ(table_.expire(kStart + 2s, 9).size(), 1U);
}

// Merging: ours is (client 1 -> 0, version 5).
struct MergeCase {
  const char* name;
  uint64_t version;
  bool prefer_ours;
  bool taken;
};

class SessionTableMerge : public SessionTableTest, public testing::WithParamInterface<MergeCase> {};

TEST_P(SessionTableMerge, TheHigherVersionWinsThenThePreferredSide) {
  ASSERT_TRUE(table_.merge({.key = client(1), .server = 0, .version = 5}, kStart, false));
  const Session theirs{.key = client(1), .server = 1, .version = GetParam().version};
  EXPECT_EQ(table_.merge(theirs, kStart, GetParam().prefer_ours), GetParam().taken);
  const auto now = table_.peek(client(1), kStart);
  EXPECT_EQ(now->server, GetParam().taken ? 1U : 0U);
  EXPECT_EQ(now->version, GetParam().taken ? GetParam().version : 5U);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, SessionTableMerge,
    testing::Values(MergeCase{"older", 4, false, false}, MergeCase{"older_ours", 4, true, false},
                    MergeCase{"tie_theirs", 5, false, true}, MergeCase{"tie_ours", 5, true, false},
                    MergeCase{"newer", 6, false, true}, MergeCase{"newer_ours", 6, true, true}),
    [](const auto& instance) { return instance.param.name; });

TEST_F(SessionTableTest, OwnVersionsGoOnAboveEverythingSeen) {
  table_.merge({.key = client(1), .server = 0, .version = 70}, kStart, false);
  EXPECT_EQ(table_.put(client(2), 0, kStart).session.version, 71U);
  table_.erase(client(3), 90);
  EXPECT_EQ(table_.put(client(3), 0, kStart).session.version, 91U)
      << "a removal of what we did not have counts as seen, too";
  table_.merge({.key = client(2), .server = 1, .version = 9}, kStart, false);
  EXPECT_EQ(table_.highest_version(), 91U);
}

TEST_F(SessionTableTest, ARemovalSparesWhatIsNewer) {
  table_.merge({.key = client(1), .server = 0, .version = 5}, kStart, false);
  EXPECT_FALSE(table_.erase(client(1), 4));
  EXPECT_FALSE(table_.erase(client(2), 9));
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_TRUE(table_.erase(client(1), 5));
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(SessionTableTest, WhatIsMergedCountsAsUsedNow) {
  table_.put(client(1), 0, kStart);
  table_.merge({.key = client(2), .server = 0, .version = 9, .idle = 9s}, kStart + 5s, false);
  EXPECT_EQ(table_.peek(client(2), kStart + 5s)->idle, 0s);
  EXPECT_EQ(keys(table_.expire(kStart + 14s, 9)), std::vector{client(1)});
}

// The peer's removals may be on their way behind its additions: merging must not evict early, but
// it must stay bounded.
TEST_F(SessionTableTest, MergingMayExceedTheBoundALittle) {
  const size_t most = 4 + SessionTable::kMergeSlack;
  for (uint32_t n = 0; n < most; ++n) {
    table_.merge({.key = client(n), .server = 0, .version = n + 1}, kStart, false);
  }
  EXPECT_EQ(table_.size(), most);
  EXPECT_TRUE(table_.peek(client(0), kStart));
  table_.merge({.key = client(100'000), .server = 0, .version = 1}, kStart, false);
  EXPECT_EQ(table_.size(), most);
  EXPECT_FALSE(table_.peek(client(0), kStart));
}

TEST_F(SessionTableTest, CountsTheSessionsOfEachServer) {
  table_.put(client(1), 0, kStart);
  table_.put(client(2), 0, kStart);
  table_.put(client(3), 1, kStart);
  table_.put(client(2), 2, kStart);
  EXPECT_EQ(table_.sessions_of(0), 1U);
  EXPECT_EQ(servers_[0]->sessions.load(), 1U);
  EXPECT_EQ(servers_[1]->sessions.load(), 1U);
  EXPECT_EQ(servers_[2]->sessions.load(), 1U);
  table_.erase(client(1), 99);
  table_.expire(kStart + 1h, 9);
  for (const auto& server : servers_) EXPECT_EQ(server->sessions.load(), 0U);
}

TEST_F(SessionTableTest, ATableThatGoesTakesItsCountsAlong) {
  {
    SessionTable table({.max_entries = 4, .timeout = 10s});
    introduce_all(table);
    table.put(client(1), 0, kStart);
    EXPECT_EQ(servers_[0]->sessions.load(), 1U);
  }
  EXPECT_EQ(servers_[0]->sessions.load(), 0U);
}

TEST_F(SessionTableTest, ForgetsOneServer) {
  for (uint32_t n = 0; n < 4; ++n) table_.put(client(n), n % 2, kStart);
  std::vector<Session> removed;
  EXPECT_EQ(table_.erase_server(1, 0, 100, kStart, removed), std::nullopt);
  EXPECT_EQ(keys(removed), (std::vector{client(1), client(3)}));
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_EQ(table_.sessions_of(1), 0U);
}

TEST_F(SessionTableTest, AWalkSeesWhatStaysOnceWhileOthersComeAndGo) {
  SessionTable table({.max_entries = 100'000, .timeout = 10s});
  introduce_all(table);
  for (uint32_t n = 0; n < 10'000; ++n) table.put(client(n), 0, kStart);
  std::multiset<IpAddress> seen;
  std::optional<size_t> cursor = 0;
  uint32_t step = 0;
  while (cursor) {
    std::vector<Session> slice;
    cursor = table.walk(*cursor, 100, kStart, slice);
    EXPECT_LE(slice.size(), 100U);
    for (const Session& session : slice) seen.insert(session.key);
    // Odd clients go, new ones come, even ones change their server and are used.
    table.erase(client(9'999 - 2 * step), ~0U);
    table.put(client(50'000 + step), 1, kStart);
    table.put(client(4 * step), 1, kStart);
    table.use(client(2 * step), kStart);
    ASSERT_LT(++step, 1'000U) << "a walk ends";
  }
  for (uint32_t n = 0; n < 10'000; n += 2) ASSERT_EQ(seen.count(client(n)), 1U) << n;
}

TEST_F(SessionTableTest, AWalkOverASparseTableGoesInSlices) {
  SessionTable table({.max_entries = 100'000, .timeout = 10s});
  introduce_all(table);
  for (uint32_t n = 0; n < 10'000; ++n) table.put(client(n), 0, kStart);
  for (uint32_t n = 0; n < 9'999; ++n) table.erase(client(n), ~0U);
  std::vector<Session> out;
  std::optional<size_t> cursor = 0;
  int slices = 0;
  for (; cursor; ++slices) {
    const size_t before = *cursor;
    cursor = table.walk(*cursor, 10, kStart, out);
    if (cursor) {
      EXPECT_LE(*cursor - before, 80U);
    }
  }
  EXPECT_EQ(keys(out), std::vector{client(9'999)});
  EXPECT_EQ(slices, 125);
}

// Both nodes number their servers in their own order of meeting them, and learn of the sessions in
// any order.
TEST_F(SessionTableTest, TheDigestIsTheSameOnBothNodes) {
  SessionTable peer({.max_entries = 4, .timeout = 10s});
  const auto server_at = [&](ServerId id, uint32_t last_byte) {
    return std::make_shared<LiveServer>(id, "web",
                                        Endpoint{IpAddress::v4(0x0a010000 + last_byte), 80});
  };
  peer.introduce(server_at(8, 0));
  peer.introduce(server_at(7, 1));
  EXPECT_EQ(peer.digest(), table_.digest());

  table_.put(client(1), 0, kStart);
  table_.put(ip("2001:db8::1"), 1, kStart);
  EXPECT_NE(peer.digest(), table_.digest());
  peer.merge({.key = ip("2001:db8::1"), .server = 7, .version = 2}, kStart + 1h, false);
  peer.merge({.key = client(1), .server = 8, .version = 1}, kStart + 2h, false);
  EXPECT_EQ(peer.digest(), table_.digest());
  table_.use(client(1), kStart + 3s);
  EXPECT_EQ(peer.digest(), table_.digest()) << "use is not a change";

  // Every field counts.
  peer.merge({.key = client(1), .server = 7, .version = 1}, kStart, false);
  EXPECT_NE(peer.digest(), table_.digest());
  peer.merge({.key = client(1), .server = 8, .version = 2}, kStart, false);
  EXPECT_NE(peer.digest(), table_.digest());
  peer.erase(client(1), 2);
  EXPECT_NE(peer.digest(), table_.digest());
  peer.merge({.key = client(2), .server = 8, .version = 1}, kStart, false);
  EXPECT_NE(peer.digest(), table_.digest());
  peer.erase(client(2), 1);
  peer.merge({.key = client(1), .server = 8, .version = 1}, kStart, false);
  EXPECT_EQ(peer.digest(), table_.digest());
}

// Golden: both nodes must agree across versions of the program and architectures.
TEST_F(SessionTableTest, TheDigestIsPartOfTheProtocol) {
  table_.put(ip("192.0.2.1"), 0, kStart);
  table_.put(ip("2001:db8::1"), 1, kStart);
  EXPECT_EQ(table_.digest(), (TableDigest{.entries = 2, .sum = 0x507f6a3d48e5abf7}));
}

TEST_F(SessionTableTest, ASessionWithAnOpenConnectionDoesNotExpire) {
  table_.put(client(1), 0, kStart);
  table_.hold(client(1));
  table_.hold(client(1));
  table_.put(client(2), 0, kStart + 1s);
  EXPECT_EQ(keys(table_.expire(kStart + 60s, 9)), std::vector{client(2)});
  EXPECT_EQ(table_.holders(client(1)), 2U);
  table_.release(client(1), kStart + 70s);
  EXPECT_TRUE(table_.expire(kStart + 90s, 9).empty());
  table_.release(client(1), kStart + 100s);
  EXPECT_TRUE(table_.expire(kStart + 110s - 1ns, 9).empty()) << "its timeout begins with the end";
  EXPECT_EQ(keys(table_.expire(kStart + 110s, 9)), std::vector{client(1)});
}

TEST_F(SessionTableTest, OneCallLooksAtABoundedNumberOfHeldSessions) {
  for (uint32_t n = 1; n <= 4; ++n) {
    table_.put(client(n), 0, kStart);
    if (n < 4) table_.hold(client(n));
  }
  EXPECT_TRUE(table_.expire(kStart + 60s, 3).empty());
  EXPECT_EQ(keys(table_.expire(kStart + 60s, 3)), std::vector{client(4)});
}

TEST_F(SessionTableTest, AHeldSessionMakesRoomLikeAnyOther) {
  for (uint32_t n = 1; n <= 4; ++n) {
    table_.put(client(n), 0, kStart);
    table_.hold(client(n));
  }
  EXPECT_EQ(table_.put(client(5), 0, kStart).evicted->key, client(1));
  table_.release(client(1), kStart);  // its connection ends: nothing is left to release
  table_.put(client(1), 0, kStart);
  EXPECT_EQ(table_.holders(client(1)), 0U);
  table_.release(client(1), kStart);
  EXPECT_EQ(table_.holders(client(1)), 0U);
}

TEST_F(SessionTableTest, HoldersSurviveAnotherServerAndEndWithReleaseAll) {
  table_.put(client(1), 0, kStart);
  table_.hold(client(1));
  table_.put(client(1), 1, kStart);
  EXPECT_EQ(table_.holders(client(1)), 1U);
  EXPECT_EQ(table_.use(client(1), kStart), ServerId{1});
  table_.release_all();
  EXPECT_EQ(keys(table_.expire(kStart + 10s, 9)), std::vector{client(1)});
}

TEST_F(SessionTableTest, HoldersAreCountedUpToTheirMost) {
  table_.put(client(1), 0, kStart);
  for (int i = 0; i < 70000; ++i) table_.hold(client(1));
  EXPECT_EQ(table_.holders(client(1)), 65535U);
  EXPECT_EQ(table_.peek(client(1), kStart)->version, 1U);
}

}  // namespace
}  // namespace hapair::lbcore::sticky
