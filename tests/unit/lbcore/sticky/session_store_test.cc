#include "lbcore/sticky/session_store.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/sticky/store_fixture.h"

namespace hapair::lbcore::sticky {
namespace {

class SessionStoreTest : public testing::Test, protected StoreFixture {
 protected:
  SessionStoreTest() { store.configure(topology(), kStart); }

  /// "192.168.0.1->2 192.168.0.2-" in the order of the list.
  std::string take() {
    const auto changes = store.take_changes();
    std::string out = changes.overflowed ? "overflowed" : "";
    for (const SessionChange& change : changes.list) {
      if (!out.empty()) out += ' ';
      out += change.session.key.to_string();
      out += change.removed ? "-" : "->" + std::to_string(change.session.server);
    }
    return out;
  }
};

TEST_F(SessionStoreTest, KeepsThePoolsApart) {
  store.put(kWeb, client(1), 0, kStart);
  store.put(kMail, client(1), 10, kStart);
  EXPECT_EQ(store.use(kWeb, client(1), kStart), ServerId{0});
  EXPECT_EQ(store.use(kMail, client(1), kStart), ServerId{10});
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.size(kWeb), 1U);
  EXPECT_EQ(store.pools(), (std::vector<PoolId>{kWeb, kMail}));
}

TEST_F(SessionStoreTest, APoolThatIsNotStickyKeepsNothing) {
  for (const PoolId pool : {kPlain, PoolId{99}}) {
    store.put(pool, client(1), 0, kStart);
    EXPECT_EQ(store.use(pool, client(1), kStart), std::nullopt);
    EXPECT_FALSE(store.merge({.pool = pool, .session = {.key = client(1)}}, kStart, false));
    EXPECT_EQ(store.size(pool), 0U);
  }
  EXPECT_EQ(take(), "");
}

TEST_F(SessionStoreTest, ClientsOfOnePrefixShareASession) {
  store.put(kMail, ip("192.0.2.1"), 10, kStart);
  EXPECT_EQ(store.use(kMail, ip("192.0.2.200"), kStart), ServerId{10});
  EXPECT_EQ(store.use(kMail, ip("192.0.3.1"), kStart), std::nullopt);
  store.put(kMail, ip("2001:db8::1"), 11, kStart);
  EXPECT_EQ(store.use(kMail, ip("2001:db8::ffff"), kStart), ServerId{11});
  EXPECT_EQ(store.use(kMail, ip("2001:db8:0:1::1"), kStart), std::nullopt);
  EXPECT_EQ(take(), "192.0.2.0->10 2001:db8::->11");
}

TEST_F(SessionStoreTest, WakesOnceUntilTheChangesAreTaken) {
  store.put(kWeb, client(1), 0, kStart);
  store.put(kWeb, client(2), 0, kStart);
  EXPECT_EQ(wakes, 1);
  take();
  store.use(kWeb, client(1), kStart);
  store.put(kWeb, client(1), 0, kStart);  // the same server: no change
  EXPECT_EQ(wakes, 1);
  store.put(kWeb, client(1), 1, kStart);
  EXPECT_EQ(wakes, 2);
}

TEST_F(SessionStoreTest, OfSeveralChangesOfOneKeyOnlyTheLastIsSent) {
  store.put(kWeb, client(1), 0, kStart);
  store.put(kWeb, client(2), 0, kStart);
  store.put(kMail, client(1), 10, kStart);
  store.put(kWeb, client(1), 2, kStart);
  EXPECT_EQ(take(), "192.168.0.2->0 192.168.0.0->10 192.168.0.1->2");
  EXPECT_EQ(take(), "");
}

TEST_F(SessionStoreTest, ExpiryIsAChange) {
  store.put(kWeb, client(1), 0, kStart);
  store.put(kMail, client(1), 10, kStart);
  take();
  EXPECT_EQ(store.expire(kStart + 9s), 0U);
  EXPECT_EQ(store.expire(kStart + 10s), 1U);
  EXPECT_EQ(take(), "192.168.0.1-");
  EXPECT_EQ(wakes, 2);
  store.restart_timeouts(kStart + 50s);
  EXPECT_EQ(store.expire(kStart + 109s), 0U);
  EXPECT_EQ(store.expire(kStart + 110s), 1U);
}

TEST_F(SessionStoreTest, OneCallExpiresABoundedNumber) {
  const size_t count = SessionStore::kMaxExpired + 1;
  for (uint32_t n = 0; n < count; ++n) store.put(kWeb, client(n), 0, kStart);
  EXPECT_EQ(store.expire(kStart + 1h), SessionStore::kMaxExpired);
  EXPECT_EQ(store.expire(kStart + 1h), 1U);
  EXPECT_EQ(store.size(), 0U);
}

TEST_F(SessionStoreTest, ForgettingAServerIsAChangePerSession) {
  for (uint32_t n = 0; n < 5000; ++n) store.put(kWeb, client(n), n % 5, kStart);
  take();
  store.forget_server(kWeb, 3, kStart);
  EXPECT_EQ(store.size(), 4000U);
  const auto changes = store.take_changes();
  EXPECT_EQ(changes.list.size(), 1000U);
  for (const SessionChange& change : changes.list) {
    ASSERT_TRUE(change.removed);
    ASSERT_EQ(change.session.server, 3U);
  }
  EXPECT_EQ(servers[3]->sessions, 0U);
  EXPECT_EQ(servers[2]->sessions, 1000U);
}

TEST_F(SessionStoreTest, OneCallForgetsABoundedNumber) {
  const size_t count = 2 * SessionStore::kMaxExpired + 1;
  for (uint32_t n = 0; n < count; ++n) store.put(kWeb, client(n), n == 7 ? 1 : 0, kStart);
  auto cursor = store.forget_server(kWeb, 0, kStart);
  ASSERT_TRUE(cursor);
  EXPECT_EQ(store.size(), count - SessionStore::kMaxExpired);
  while (cursor) cursor = store.forget_server(kWeb, 0, kStart, *cursor);
  EXPECT_EQ(store.size(), 1U);
}

TEST(SessionStore, AnEvictionIsListedBeforeWhatTookItsPlace) {
  StoreFixture fixture(2);
  fixture.store.configure(fixture.topology(), kStart);
  for (uint32_t n = 1; n <= 3; ++n) fixture.store.put(kWeb, client(n), 0, kStart);
  const auto changes = fixture.store.take_changes();
  ASSERT_EQ(changes.list.size(), 3U);
  EXPECT_EQ(changes.list[0].session.key, client(2));
  EXPECT_TRUE(changes.list[1].removed);
  EXPECT_EQ(changes.list[1].session.key, client(1));
  EXPECT_EQ(changes.list[2].session.key, client(3));
  EXPECT_EQ(fixture.store.size(), 2U);
}

TEST_F(SessionStoreTest, TooManyChangesAreThrownAwayAndSaidSo) {
  for (uint32_t n = 0; n < SessionStore::kMaxChanges; ++n) {
    store.put(kWeb, client(n), 0, kStart);
  }
  auto changes = store.take_changes();
  EXPECT_FALSE(changes.overflowed);
  EXPECT_EQ(changes.list.size(), SessionStore::kMaxChanges);

  for (uint32_t n = 0; n <= SessionStore::kMaxChanges; ++n) {
    store.put(kWeb, client(n), 1, kStart);
  }
  changes = store.take_changes();
  EXPECT_TRUE(changes.overflowed);
  EXPECT_TRUE(changes.list.empty());
  EXPECT_EQ(store.size(), SessionStore::kMaxChanges + 1) << "the sessions themselves are there";

  store.put(kWeb, client(0), 2, kStart);
  EXPECT_EQ(wakes, 3) << "and the stream begins anew";
  EXPECT_EQ(take(), "192.168.0.0->2");
}

TEST_F(SessionStoreTest, MergesWithoutEchoingIt) {
  const Session theirs{.key = client(1), .server = 0, .version = 5};
  EXPECT_TRUE(store.merge({.pool = kWeb, .session = theirs}, kStart, false));
  EXPECT_FALSE(store.merge({.pool = kWeb, .session = theirs}, kStart, true));
  EXPECT_EQ(store.use(kWeb, client(1), kStart), ServerId{0});
  EXPECT_TRUE(store.merge({.pool = kWeb, .session = theirs, .removed = true}, kStart, true));
  EXPECT_TRUE(store.merge({.pool = kWeb, .session = theirs, .removed = true}, kStart, true))
      << "gone already is as good";
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(take(), "");
  store.put(kWeb, client(1), 0, kStart);
  EXPECT_FALSE(store.merge({.pool = kWeb, .session = theirs, .removed = true}, kStart, false))
      << "ours is newer";
  EXPECT_EQ(store.size(), 1U);
}

// Slices, pools in any order and prefetching: the outcome is that of one change after the other.
TEST_F(SessionStoreTest, MergesManyAsIfOneByOne) {
  std::vector<SessionChange> changes;
  for (uint32_t n = 0; n < 2000; ++n) {
    const PoolId pool = n % 7 == 0 ? kMail : n % 11 == 0 ? kPlain : kWeb;
    const ServerId server = pool == kMail ? 10 + n % 2 : n % 501 == 0 ? 77 : n % 6;
    changes.push_back({.pool = pool,
                       .session = {.key = client((n * 31 % 700) << (pool == kMail ? 8 : 0)),
                                   .server = server,
                                   .version = 1 + n / 3},
                       .removed = n % 5 == 0});
  }
  StoreFixture one_by_one;
  one_by_one.store.configure(one_by_one.topology(), kStart);
  for (const auto& change : changes) one_by_one.store.merge(change, kStart, true);
  store.expect(kWeb, 100'000);
  store.expect(kPlain, 100'000);
  store.merge(changes, kStart, true);
  const auto ours = store.take_changes_and_digests();
  const auto theirs = one_by_one.store.take_changes_and_digests();
  ASSERT_EQ(ours.digests.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GT(ours.digests[i].digest.entries, 50U);
    EXPECT_EQ(ours.digests[i].digest, theirs.digests[i].digest);
  }
  EXPECT_TRUE(ours.list.empty());
}

TEST_F(SessionStoreTest, MergesSessionsOfServersThatOnlyThePeerKnows) {
  EXPECT_TRUE(store.merge({.pool = kWeb, .session = {.key = client(1), .server = 5, .version = 1}},
                          kStart, false));
  EXPECT_EQ(store.use(kWeb, client(1), kStart), ServerId{5});
  EXPECT_EQ(servers[5]->sessions, 1U);
  EXPECT_FALSE(store.merge(
      {.pool = kWeb, .session = {.key = client(2), .server = 77, .version = 2}}, kStart, false))
      << "a number that means nothing";
}

// A worker that still routes by an older topology.
TEST_F(SessionStoreTest, AServerThatThePoolNeverHadGetsNoSession) {
  store.put(kWeb, client(1), 5, kStart);
  EXPECT_EQ(store.use(kWeb, client(1), kStart), std::nullopt);
  EXPECT_EQ(take(), "");
}

TEST_F(SessionStoreTest, AServerThatLeftIsHeldByItsSessionsOnly) {
  store.put(kWeb, client(1), 1, kStart);
  const auto users = [this](ServerId id) { return servers.at(id).use_count(); };
  const auto before = std::pair(users(1), users(2));
  Topology without = topology();
  without.pools[0] = make_pool(kWeb, {.timeout = 10s}, {0, 3, 4});
  store.configure(without, kStart);
  without = {};
  EXPECT_EQ(users(1), before.first) << "its session is still there";
  EXPECT_EQ(users(2), before.second - 1);
  store.put(kWeb, client(2), 2, kStart);
  EXPECT_EQ(store.size(kWeb), 1U) << "a worker that has not heard yet puts nothing there";
}

TEST(SessionStore, WithoutAPeerNoChangeIsListed) {
  const StoreFixture fixture;
  SessionStore alone([&](ServerId id) { return fixture.servers.at(id); }, 2, nullptr);
  alone.configure(fixture.topology(), kStart);
  for (uint32_t n = 1; n <= 3; ++n) alone.put(kWeb, client(n), 1, kStart);
  EXPECT_EQ(alone.size(kWeb), 2U);
  EXPECT_EQ(alone.evicted(kWeb), 1U);
  EXPECT_EQ(alone.evicted(kMail), 0U);
  EXPECT_TRUE(alone.take_changes().list.empty());
}

TEST_F(SessionStoreTest, AReloadKeepsTheSessionsOfPoolsThatStay) {
  store.put(kWeb, client(1), 0, kStart);
  store.put(kMail, client(1), 10, kStart);
  Topology next;
  next.pools = {make_pool(kWeb, {.timeout = 99s}, {0}), make_pool(kMail, {}, {10})};
  take();
  store.configure(next, kStart);
  EXPECT_EQ(store.use(kWeb, client(1), kStart), ServerId{0});
  EXPECT_EQ(store.use(kMail, client(1), kStart), std::nullopt) << "no longer sticky";
  EXPECT_EQ(servers[10]->sessions, 0U);
  EXPECT_EQ(servers[0]->sessions, 1U);
  EXPECT_EQ(store.expire(kStart + 98s), 0U) << "with the new timeout";
  EXPECT_EQ(store.expire(kStart + 99s), 1U);
}

TEST_F(SessionStoreTest, ABarrierSeesChangesAndDigestsOfOneInstant) {
  StoreFixture peer;
  peer.store.configure(peer.topology(), kStart);
  for (uint32_t round = 0; round < 20; ++round) {
    for (uint32_t n = 0; n < 50; ++n) {
      store.put(kWeb, client(n * round % 37), (n + round) % 5, kStart + round * 1s);
      store.put(kMail, client(n << 8), 10 + n % 2, kStart + round * 1s);
    }
    if (round == 10) store.forget_server(kWeb, 2, kStart);
    store.expire(kStart + round * 1s);

    const auto changes = store.take_changes_and_digests();
    for (const SessionChange& change : changes.list) peer.store.merge(change, kStart, false);
    const auto theirs = peer.store.take_changes_and_digests();
    ASSERT_EQ(changes.digests.size(), 2U);
    ASSERT_EQ(theirs.digests.size(), 2U);
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(changes.digests[i].pool, theirs.digests[i].pool);
      ASSERT_EQ(changes.digests[i].digest, theirs.digests[i].digest) << "round " << round;
    }
  }
  EXPECT_GT(store.size(), 0U);
}

TEST_F(SessionStoreTest, WalksOnePool) {
  for (uint32_t n = 0; n < 1000; ++n) store.put(kWeb, client(n), 0, kStart);
  std::vector<Session> out;
  for (std::optional<size_t> cursor = 0; cursor;) {
    cursor = store.walk(kWeb, *cursor, 64, kStart + 1s, out);
  }
  ASSERT_EQ(out.size(), 1000U);
  EXPECT_EQ(out[0].idle, 1s);
  EXPECT_EQ(store.walk(kPlain, 0, 64, kStart, out), std::nullopt);
}

}  // namespace
}  // namespace hapair::lbcore::sticky
