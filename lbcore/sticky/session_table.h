// The sticky sessions of one pool: client prefix -> server, with an idle timeout. Pure: time is an argument.
//
// Since every entry of a pool has the same timeout, least-recently-used order is expiry order: one intrusive list
// serves expiry and the bound on entries alike. Entries live in a slab and are found through an index of 32-bit slots.
// Versions order changes of one key across both nodes: the higher version wins (then, on a tie, the Active's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/live.h"

namespace hapair::lbcore::sticky {

struct Session {
  IpAddress key;  // masked to the pool's prefix
  ServerId server = 0;
  uint64_t version = 0;
  Duration idle{0};  // since last used
};

struct TableDigest {
  uint64_t entries = 0;
  uint64_t sum = 0;  // of a hash over (key, server address, version) per entry; order does not matter

  friend bool operator==(const TableDigest&, const TableDigest&) = default;
};

class SessionTable {
 public:
  struct Limits {
    size_t max_entries = size_t{1} << 20;
    Duration timeout = 10min;
  };

  explicit SessionTable(Limits limits);
  ~SessionTable();
  SessionTable(SessionTable&&) noexcept;
  SessionTable& operator=(SessionTable&&) noexcept;

  /// The live entry of `key`; using it restarts its timeout. Versions do not change by use.
  std::optional<ServerId> use(const IpAddress& key, TimePoint now);
  [[nodiscard]] std::optional<Session> peek(const IpAddress& key, TimePoint now) const;

  /// Sets key -> server as our own change: a new version above every version seen so far.
  /// `evicted` receives the entry that had to make room, if any.
  Session put(const IpAddress& key, ServerId server, TimePoint now, std::optional<Session>* evicted = nullptr);
  /// Takes a change of the peer; false when ours is newer (`prefer_ours_on_tie` decides equal versions).
  bool merge(const Session& session, TimePoint now, bool prefer_ours_on_tie);
  /// Removes `key` unless its version is above `version`.
  bool erase(const IpAddress& key, uint64_t version);

  /// Removes at most `most` expired entries and returns them, oldest first. Only the owner (the Active) calls this.
  std::vector<Session> expire(TimePoint now, size_t most);
  /// Every entry counts as used now: a new owner does not know how long they were idle.
  void restart_timeouts(TimePoint now);
  /// Removes all entries of one server and returns them.
  std::vector<Session> erase_server(ServerId server);

  /// Walks the table in slices: at most `most` entries from `cursor` on; returns the next cursor, or nothing at the
  /// end. Entries that change during the walk are seen in either state; entries that stay are seen once.
  std::optional<size_t> walk(size_t cursor, size_t most, TimePoint now, std::vector<Session>& out) const;

  void set_limits(Limits limits, TimePoint now);
  [[nodiscard]] size_t size() const;
  [[nodiscard]] uint64_t highest_version() const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace hapair::lbcore::sticky
