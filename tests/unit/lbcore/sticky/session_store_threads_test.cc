// Four workers at work while the main thread replicates, expires and reloads: what the peer was
// told must be what is there. Run under ThreadSanitizer as well (-DHAPAIR_SANITIZE=thread).

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/sticky/store_fixture.h"

namespace hapair::lbcore::sticky {
namespace {

constexpr int kWorkers = 4;
constexpr int kCallsPerWorker = 40'000;
constexpr uint32_t kClients = 5'000;
constexpr size_t kMaxSessions = 3'000;  // below the number of clients: evictions, too

void work(SessionStore& store, uint32_t seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < kCallsPerWorker; ++i) {
    const TimePoint now = kStart + i * 1ms;
    const PoolId pool = random() % 4 == 0 ? kMail : kWeb;
    const IpAddress from = client(random() % kClients);
    const ServerId first = pool == kMail ? 10 : 0;
    if (!store.use(pool, from, now)) store.put(pool, from, first + random() % 2, now);
    if (random() % 64 == 0) store.put(pool, from, first + random() % 2, now);
    if (random() % 4096 == 0) store.forget_server(pool, first, now);
  }
}

/// What the other node has, by the changes alone, or by a snapshot when those were lost.
class Peer {
 public:
  Peer() { start_anew(); }

  void follow(SessionStore& ours, const SessionStore::Changes& changes) {
    if (changes.overflowed) {
      start_anew();
      for (const PoolId pool : ours.pools()) {
        for (std::optional<size_t> cursor = 0; cursor;) {
          std::vector<Session> slice;
          cursor = ours.walk(pool, *cursor, 500, kStart, slice);
          for (const Session& session : slice) merge({.pool = pool, .session = session});
        }
      }
    }
    for (const SessionChange& change : changes.list) merge(change);
  }

  std::vector<SessionStore::PoolDigest> digests() {
    return fixture_->store.take_changes_and_digests().digests;
  }

 private:
  void start_anew() {
    fixture_ = std::make_unique<StoreFixture>(kMaxSessions);
    fixture_->store.configure(fixture_->topology(), kStart);
  }
  void merge(const SessionChange& change) { fixture_->store.merge(change, kStart, false); }

  std::unique_ptr<StoreFixture> fixture_;
};

TEST(SessionStoreThreads, ThePeerIsToldExactlyWhatHappened) {
  StoreFixture fixture(kMaxSessions);
  fixture.store.configure(fixture.topology(), kStart);
  Peer peer;

  std::atomic<int> working{kWorkers};
  std::vector<std::jthread> workers;
  for (uint32_t seed = 1; seed <= kWorkers; ++seed) {
    workers.emplace_back([&, seed] {
      work(fixture.store, seed);
      --working;
    });
  }
  int compared = 0;
  for (int round = 0;; ++round) {
    const bool last = working == 0;
    const auto changes = fixture.store.take_changes_and_digests();
    peer.follow(fixture.store, changes);
    if (!changes.overflowed) {
      const auto theirs = peer.digests();
      for (size_t i = 0; i < changes.digests.size(); ++i) {
        ASSERT_EQ(changes.digests[i].digest, theirs[i].digest) << "round " << round;
      }
      ++compared;
      if (last) break;  // a whole round after the last worker was done
    }
    fixture.store.expire(kStart + 11s + round * 1ms);
    if (round % 16 == 0) fixture.store.configure(fixture.topology(), kStart);
    std::this_thread::yield();
  }
  workers.clear();
  EXPECT_GT(compared, 1);
  EXPECT_GT(fixture.wakes, 0);

  // What remains is consistent in itself as well.
  size_t counted = 0;
  for (const auto& [id, server] : fixture.servers) counted += server->sessions;
  EXPECT_EQ(counted, fixture.store.size());
}

}  // namespace
}  // namespace hapair::lbcore::sticky
