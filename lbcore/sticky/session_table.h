// The sticky sessions of one pool: client prefix -> server, with an idle timeout. Pure: time is an
// argument, one caller at a time (SessionStore holds the lock).
//
// Since every entry of a pool has the same timeout, least-recently-used order is expiry order: one
// intrusive list serves expiry and the bound on entries alike. Entries live in a slab and never
// move, so a walk survives changes; session_slab.h says how they are found.
//
// Versions order changes of one key across both nodes: the higher version wins (then, on a tie, the
// Active's).
//
// An entry lives until it is removed: `expire` does that, and only the owner (the Active) calls it.
// An overdue entry that is used before `expire` came by lives on. That is what makes a failover
// safe: the first clients may arrive before this node has learnt that it is the owner now, and no
// entry may look expired to them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/live.h"
#include "lbcore/sticky/session_slab.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::sticky {

struct Session {
  IpAddress key;  // masked to the pool's prefix
  ServerId server = 0;
  uint64_t version = 0;
  Duration idle{0};  // since last used
};

/// Equal on both nodes when their tables are: it does not depend on ServerIds, timeouts or order.
struct TableDigest {
  uint64_t entries = 0;
  uint64_t sum = 0;  // modulo 2^64, of a hash over (key, server's token, version) per entry

  friend bool operator==(const TableDigest&, const TableDigest&) = default;
};

class SessionTable {
 public:
  struct Limits {
    size_t max_entries = size_t{1} << 20;
    Duration timeout = 10min;
  };
  /// How far `merge` may go beyond max_entries: the peer's removals may be on their way behind its
  /// additions.
  static constexpr size_t kMergeSlack = size_t{1} << 12;

  explicit SessionTable(Limits limits, SipKey hash_key = random_sip_key());
  ~SessionTable();  // its entries no longer count in LiveServer::sessions
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  /// Makes a server known, before the first put or merge that names it. Its `sessions` is kept up
  /// to date from here on; a server belongs to one pool, so to one table.
  void introduce(std::shared_ptr<LiveServer> server);
  /// Takes no new sessions for other servers than these; those with sessions keep them.
  void forget_unused_servers(const std::unordered_set<ServerId>& but);
  [[nodiscard]] bool knows(ServerId server) const { return servers_.contains(server); }

  /// The server of `key`; using it restarts its timeout. Versions do not change by use.
  std::optional<ServerId> use(const IpAddress& key, TimePoint now);
  [[nodiscard]] std::optional<Session> peek(const IpAddress& key, TimePoint now) const;

  /// A connection of `key` is open until `release`: so long its session does not expire. Making
  /// room may take it all the same.
  void hold(const IpAddress& key);
  /// Its timeout begins now.
  void release(const IpAddress& key, TimePoint now);
  [[nodiscard]] uint32_t holders(const IpAddress& key) const;
  /// Nobody holds anything: the keys are made in another way from now on.
  void release_all();

  struct Put {
    Session session;
    bool changed = false;            // false: `key` had this server already, and its version stays
    std::optional<Session> evicted;  // the least recently used entry, which had to make room
  };
  /// Sets key -> server as our own change: a new version above every version seen so far.
  Put put(const IpAddress& key, ServerId server, TimePoint now);
  /// Takes a change of the peer; false when ours is newer (`prefer_ours_on_tie` decides equal
  /// versions). The entry counts as used now: a session may live longer than asked for, never
  /// shorter.
  bool merge(const Session& session, TimePoint now, bool prefer_ours_on_tie) {
    return merge(hashed(session.key), session, now, prefer_ours_on_tie);
  }
  /// Many merges are coming: the table will hold about `entries`.
  void expect(size_t entries) { slab_.expect(std::min(entries, limits_.max_entries)); }
  /// Removes `key` unless its version is above `version`; whether it was removed.
  bool erase(const IpAddress& key, uint64_t version) { return erase(hashed(key), version); }

  // The same for who has many of them: the slab fetches what they need ahead of time.
  using HashedKey = SessionSlab::HashedKey;
  [[nodiscard]] HashedKey hashed(const IpAddress& key) const { return slab_.hashed(key); }
  [[nodiscard]] const SessionSlab& slab() const { return slab_; }
  [[nodiscard]] bool contains(const HashedKey& key) const {
    return slab_.find(key) != SessionSlab::kNone;
  }
  bool merge(const HashedKey& key, const Session& session, TimePoint now, bool prefer_ours_on_tie);
  bool erase(const HashedKey& key, uint64_t version);

  /// Removes at most `most` expired entries and returns them, oldest first. Only the owner (the
  /// Active) calls this.
  std::vector<Session> expire(TimePoint now, size_t most);
  /// Every entry counts as used now: a new owner does not know how long they were idle. O(1).
  void restart_timeouts(TimePoint now);

  /// Walks the table in slices: at most `most` entries from `cursor` on; returns the next cursor,
  /// or nothing at the end. Entries that change during the walk are seen in either state; entries
  /// that stay are seen once. A slice may be short, even empty, before the end: it looks at a
  /// bounded number of slots.
  std::optional<size_t> walk(size_t cursor, size_t most, TimePoint now,
                             std::vector<Session>& out) const;
  /// Removes all entries of one server in the same kind of slices, appending them to `out`.
  std::optional<size_t> erase_server(ServerId server, size_t cursor, size_t most, TimePoint now,
                                     std::vector<Session>& out);

  /// A lower bound on entries evicts the least recently used at once and returns them.
  std::vector<Session> set_limits(Limits limits, TimePoint now);

  [[nodiscard]] size_t size() const { return static_cast<size_t>(digest_.entries); }
  [[nodiscard]] uint32_t sessions_of(ServerId server) const;
  [[nodiscard]] uint64_t highest_version() const { return highest_version_; }
  [[nodiscard]] TableDigest digest() const { return digest_; }
  [[nodiscard]] size_t memory_bytes() const { return slab_.memory_bytes(); }

 private:
  using Slot = SessionSlab::Slot;
  using Entry = SessionSlab::Entry;

  struct PerServer {
    std::shared_ptr<LiveServer> live;
    uint64_t token = 0;  // its
    uint32_t sessions = 0;
  };

  [[nodiscard]] TimePoint last_used(const Entry& entry) const;
  [[nodiscard]] Session to_session(const Entry& entry, TimePoint now) const;
  void assign(Slot slot, ServerId server, uint64_t version);
  void count(const Entry& entry, bool added);
  Slot add(const HashedKey& key, ServerId server, uint64_t version, TimePoint now);
  Session take_out(Slot slot, TimePoint now);
  void touch(Slot slot, TimePoint now);
  void link_newest(Slot slot);
  void unlink(Slot slot);

  Limits limits_;
  SessionSlab slab_;
  Slot oldest_ = SessionSlab::kNone;
  Slot newest_ = SessionSlab::kNone;
  TimePoint all_used_at_ = TimePoint::min();  // no entry counts as idle since before this
  uint64_t highest_version_ = 0;
  TableDigest digest_;
  std::unordered_map<ServerId, PerServer> servers_;
};

}  // namespace hapair::lbcore::sticky
