// The session tables of all pools, shared by the workers and the main thread, and the stream of
// changes that replication sends. Each pool's table has a mutex of its own, never held across a
// system call (DESIGN invariant 9). Changes wait in a bounded list; when it is full it is thrown
// away and `overflowed` is set: the peer needs a new snapshot (DESIGN invariant 8).
//
// Locks, always in this order: the map of pools (shared), a pool's table, the list of changes. The
// list is appended while the table is locked: changes of one key are listed in the order in which
// they happened.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_table.h"

namespace hapair::lbcore::sticky {

struct SessionChange {
  PoolId pool = 0;
  Session session;
  bool removed = false;
};

class SessionStore {
 public:
  static constexpr size_t kMaxChanges = size_t{1} << 16;

  /// Registry::find, for servers that only the peer's sessions name. Called on the main thread.
  using FindServer = std::function<std::shared_ptr<LiveServer>(ServerId)>;

  /// `on_change` is called, without a lock, on the thread that made the list of changes non-empty:
  /// wake the main loop. Empty: nobody wants changes, and none are listed.
  SessionStore(FindServer find_server, size_t max_sessions_per_pool,
               std::function<void()> on_change);
  ~SessionStore();
  /// Main thread: whether changes are listed from now on. Without an `on_change`, never.
  void list_changes(bool wanted);
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  /// Main thread, before a worker gets this topology: which pools exist and how they are sticky.
  /// Entries of pools that stay are kept; a pool that is gone or no longer sticky loses its
  /// entries, and no change is listed (the peer is configured alike).
  void configure(const Topology& topology, TimePoint now);

  // Any thread. A pool that is not sticky has no sessions: nothing found, nothing kept.
  std::optional<ServerId> use(PoolId pool, const IpAddress& client, TimePoint now);
  /// Of a server that the latest topology does not have, and that has no session, nothing is kept.
  /// Two workers may put one client at the same time: the later one stays.
  void put(PoolId pool, const IpAddress& client, ServerId server, TimePoint now);
  /// A connection of this client is open, from here until `release`: its session stays. False:
  /// there is nothing to release.
  bool hold(PoolId pool, const IpAddress& client);
  void release(PoolId pool, const IpAddress& client, TimePoint now);
  /// The session as it is, unused; for people.
  struct Look {
    IpAddress key;
    std::optional<Session> session;
    uint32_t holders = 0;
  };
  [[nodiscard]] std::optional<Look> look(PoolId pool, const IpAddress& client, TimePoint now) const;
  /// Removes the sessions of a server, a bounded number per call: nothing when it is done, else
  /// where to go on.
  std::optional<size_t> forget_server(PoolId pool, ServerId server, TimePoint now,
                                      size_t cursor = 0);

  // Main thread: replication.
  struct PoolDigest {
    PoolId pool = 0;
    TableDigest digest;
  };
  struct Changes {
    std::vector<SessionChange> list;  // oldest first; of several changes of one key only the last
    bool overflowed = false;          // list is empty, changes were lost
    std::vector<PoolDigest> digests;  // by pool number; only when asked for
  };
  Changes take_changes();
  /// The same, with the digests of all pools as of exactly these changes: what a barrier compares.
  Changes take_changes_and_digests();
  /// The digests of all pools, each as of a moment of its own: for people.
  [[nodiscard]] std::vector<PoolDigest> digests() const;
  /// A pool that this node's configuration does not have, or has not as sticky, is refused (false);
  /// so is what is older than ours. Merging makes no change of our own.
  bool merge(const SessionChange& change, TimePoint now, bool prefer_ours_on_tie);
  /// Many of them, in their order. No lock is held for longer than a few of them take: workers wait
  /// for it.
  void merge(std::span<const SessionChange> changes, TimePoint now, bool prefer_ours_on_tie);
  /// The peer is about to send a table of this size.
  void expect(PoolId pool, size_t entries);
  /// Slices for a snapshot; see SessionTable::walk.
  std::optional<size_t> walk(PoolId pool, size_t cursor, size_t most, TimePoint now,
                             std::vector<Session>& out) const;
  /// The sticky pools, in order of their numbers.
  [[nodiscard]] std::vector<PoolId> pools() const;
  /// Expired entries become changes (removed). Only on the Active, after restart_timeouts when it
  /// became so. Removes a bounded number per call (kMaxExpired per pool), so call it every 100 ms
  /// or so; returns how many.
  size_t expire(TimePoint now);
  static constexpr size_t kMaxExpired = size_t{1} << 13;
  void restart_timeouts(TimePoint now);
  [[nodiscard]] size_t size() const;
  [[nodiscard]] size_t size(PoolId pool) const;
  /// Sessions of the pool that made room for newer ones so far.
  [[nodiscard]] uint64_t evicted(PoolId pool) const;

 private:
  struct PoolTable;
  [[nodiscard]] PoolTable* table(PoolId pool) const;
  /// The caller holds the table's lock; true: call on_change_ once no lock is held.
  [[nodiscard]] bool list_change(PoolId pool, const Session& session, bool removed);
  void merge_slice(std::span<const SessionChange> changes, TimePoint now, bool prefer_ours_on_tie);
  bool merge_one(PoolTable& sticky, const SessionSlab::HashedKey& key, const SessionChange& change,
                 TimePoint now, bool prefer_ours_on_tie);
  void take_list(Changes& out);
  static void coalesce(std::vector<SessionChange>& changes);
  [[nodiscard]] std::vector<PoolId> sorted_pools() const;

  FindServer find_server_;
  size_t max_sessions_per_pool_;
  std::function<void()> on_change_;
  mutable std::shared_mutex tables_mutex_;  // guards the map; written on reload only
  std::unordered_map<PoolId, std::unique_ptr<PoolTable>> tables_;
  std::atomic<bool> lists_changes_;
  std::mutex changes_mutex_;
  std::vector<SessionChange> changes_;
  bool overflowed_ = false;
  std::vector<SessionChange> taken_;  // main thread only
};

}  // namespace hapair::lbcore::sticky
