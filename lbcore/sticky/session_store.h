// The session tables of all pools, shared by the workers and the main thread, and the stream of changes that
// replication sends. Each pool's table has a mutex of its own, never held across a system call (DESIGN invariant 9).
// Changes coalesce in a bounded list; when it is full it is thrown away and `overflowed` is set: the peer needs a new
// snapshot (DESIGN invariant 8).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
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

  /// `on_change` is called on the worker's thread when the list of changes stops being empty: wake the main loop.
  explicit SessionStore(std::function<void()> on_change);

  /// Main thread: which pools exist and how they are sticky. Entries of pools that stay are kept.
  void configure(const Topology& topology, TimePoint now);

  // Any thread.
  std::optional<ServerId> use(PoolId pool, const IpAddress& client, TimePoint now);
  void put(PoolId pool, const IpAddress& client, ServerId server, TimePoint now);
  void forget_server(PoolId pool, ServerId server, TimePoint now);

  // Main thread: replication.
  struct Changes {
    std::vector<SessionChange> list;
    bool overflowed = false;
  };
  Changes take_changes();
  /// A pool that this node's configuration does not have is refused (false).
  bool merge(const SessionChange& change, TimePoint now, bool prefer_ours_on_tie);
  /// Slices for a snapshot; see SessionTable::walk.
  std::optional<size_t> walk(PoolId pool, size_t cursor, size_t most, TimePoint now, std::vector<Session>& out) const;
  [[nodiscard]] std::vector<PoolId> pools() const;
  /// Expired entries become changes (removed). Only on the Active.
  void expire(TimePoint now);
  void restart_timeouts(TimePoint now);
  [[nodiscard]] size_t size() const;

 private:
  struct PoolTable;
  [[nodiscard]] PoolTable* table(PoolId pool) const;
  void changed(PoolId pool, const Session& session, bool removed);

  std::function<void()> on_change_;
  mutable std::shared_mutex tables_mutex_;  // guards the map; written on reload only
  std::unordered_map<PoolId, std::unique_ptr<PoolTable>> tables_;
  std::mutex changes_mutex_;
  std::vector<SessionChange> changes_;
  bool overflowed_ = false;
};

}  // namespace hapair::lbcore::sticky
