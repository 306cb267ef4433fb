#include "lbcore/sticky/session_store.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "lbcore/sticky/table_mutex.h"

namespace hapair::lbcore::sticky {

namespace {

// How many entries one visit under a pool's lock may remove: workers wait for that lock.
constexpr size_t kSlice = 512;
// The same for merging and for reading a snapshot: some microseconds.
constexpr size_t kMergeSlice = 32;
constexpr size_t kWalkSlice = 128;

}  // namespace

struct SessionStore::PoolTable {
  explicit PoolTable(SessionTable::Limits limits) : table(limits) {}

  mutable TableMutex mutex;
  SessionTable table;
  int prefix_v4 = 32;
  int prefix_v6 = 128;
  uint64_t evicted = 0;

  [[nodiscard]] IpAddress key_of(const IpAddress& client) const {
    return client.masked(client.is_v4() ? prefix_v4 : prefix_v6);
  }
};

SessionStore::SessionStore(FindServer find_server, size_t max_sessions_per_pool,
                           std::function<void()> on_change)
    : find_server_(std::move(find_server)),
      max_sessions_per_pool_(max_sessions_per_pool),
      on_change_(std::move(on_change)),
      lists_changes_(static_cast<bool>(on_change_)) {}

SessionStore::~SessionStore() = default;

void SessionStore::list_changes(bool wanted) {
  if (!on_change_ || lists_changes_.exchange(wanted) == wanted) return;
  // What was listed before nobody wanted it would keep the next change from waking anybody.
  const std::lock_guard lock(changes_mutex_);
  changes_.clear();
  overflowed_ = false;
}

void SessionStore::configure(const Topology& topology, TimePoint now) {
  std::unordered_map<PoolId, std::unique_ptr<PoolTable>> gone;  // freed after the lock is
  const std::unique_lock lock(tables_mutex_);
  gone.swap(tables_);
  for (const auto& pool : topology.pools) {
    const StickySpec& sticky = pool->spec.sticky;
    if (!sticky.enabled()) continue;
    const SessionTable::Limits limits{.max_entries = max_sessions_per_pool_,
                                      .timeout = sticky.timeout};
    std::unique_ptr<PoolTable>& entry = tables_[pool->id];
    if (const auto kept = gone.find(pool->id); kept != gone.end()) {
      entry = std::move(kept->second);
      gone.erase(kept);
      entry->table.set_limits(limits, now);
    } else {
      entry = std::make_unique<PoolTable>(limits);
    }
    // Who releases would name another key than it held.
    if (entry->prefix_v4 != sticky.prefix_v4 || entry->prefix_v6 != sticky.prefix_v6) {
      entry->table.release_all();
    }
    entry->prefix_v4 = sticky.prefix_v4;
    entry->prefix_v6 = sticky.prefix_v6;
    std::unordered_set<ServerId> servers;
    for (const Server& server : pool->servers) {
      entry->table.introduce(server.live);
      servers.insert(server.live->id);
    }
    entry->table.forget_unused_servers(servers);
  }
}

/// The caller holds tables_mutex_ at least shared.
SessionStore::PoolTable* SessionStore::table(PoolId pool) const {
  const auto found = tables_.find(pool);
  return found == tables_.end() ? nullptr : found->second.get();
}

std::optional<ServerId> SessionStore::use(PoolId pool, const IpAddress& client, TimePoint now) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return std::nullopt;
  const std::lock_guard lock(sticky->mutex);
  return sticky->table.use(sticky->key_of(client), now);
}

void SessionStore::put(PoolId pool, const IpAddress& client, ServerId server, TimePoint now) {
  bool wake = false;
  {
    const std::shared_lock tables_lock(tables_mutex_);
    PoolTable* const sticky = table(pool);
    if (sticky == nullptr) return;
    const std::lock_guard lock(sticky->mutex);
    // A worker that still routes by an older topology may name a server that this table never met
    // (stickiness was switched off and on in between). Without its address there is no digest.
    if (!sticky->table.knows(server)) return;
    const auto put = sticky->table.put(sticky->key_of(client), server, now);
    if (put.evicted) ++sticky->evicted;
    if (put.evicted) wake = list_change(pool, *put.evicted, true);
    if (put.changed) wake = list_change(pool, put.session, false) || wake;
  }
  if (wake) on_change_();
}

bool SessionStore::hold(PoolId pool, const IpAddress& client) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return false;
  const std::lock_guard lock(sticky->mutex);
  sticky->table.hold(sticky->key_of(client));
  return true;
}

void SessionStore::release(PoolId pool, const IpAddress& client, TimePoint now) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return;
  const std::lock_guard lock(sticky->mutex);
  sticky->table.release(sticky->key_of(client), now);
}

std::optional<SessionStore::Look> SessionStore::look(PoolId pool, const IpAddress& client,
                                                     TimePoint now) const {
  const std::shared_lock tables_lock(tables_mutex_);
  const PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return std::nullopt;
  const std::lock_guard lock(sticky->mutex);
  const IpAddress key = sticky->key_of(client);
  return Look{
      .key = key, .session = sticky->table.peek(key, now), .holders = sticky->table.holders(key)};
}

std::optional<size_t> SessionStore::forget_server(PoolId pool, ServerId server, TimePoint now,
                                                  size_t cursor) {
  bool wake = false;
  std::optional<size_t> next = cursor;
  for (size_t slice = 0; next && slice < kMaxExpired / kSlice; ++slice) {
    const std::shared_lock tables_lock(tables_mutex_);
    PoolTable* const sticky = table(pool);
    if (sticky == nullptr) {
      next = std::nullopt;
      break;
    }
    sticky->mutex.let_others_in();
    const std::lock_guard lock(sticky->mutex);
    std::vector<Session> removed;
    next = sticky->table.erase_server(server, *next, kSlice, now, removed);
    for (const Session& session : removed) wake = list_change(pool, session, true) || wake;
  }
  if (wake) on_change_();
  return next;
}

bool SessionStore::list_change(PoolId pool, const Session& session, bool removed) {
  if (!lists_changes_.load(std::memory_order_relaxed)) return false;
  const std::lock_guard lock(changes_mutex_);
  if (overflowed_) return false;  // until the main loop takes notice, one change more or less lost
  if (changes_.size() >= kMaxChanges) {
    changes_.clear();
    overflowed_ = true;
    return false;  // the list was not empty: the main loop is on its way
  }
  changes_.push_back({.pool = pool, .session = session, .removed = removed});
  return changes_.size() == 1;
}

void SessionStore::take_list(Changes& out) {
  {
    const std::lock_guard lock(changes_mutex_);
    out.overflowed = std::exchange(overflowed_, false);
    changes_.swap(taken_);
  }
  coalesce(taken_);
  out.list.assign(taken_.begin(), taken_.end());
  taken_.clear();  // its memory serves the next round: listing a change seldom allocates
}

SessionStore::Changes SessionStore::take_changes() {
  Changes out;
  take_list(out);
  return out;
}

std::vector<SessionStore::PoolDigest> SessionStore::digests() const {
  std::vector<PoolDigest> out;
  const std::shared_lock tables_lock(tables_mutex_);
  for (const PoolId pool : sorted_pools()) {
    PoolTable* const sticky = table(pool);
    const std::lock_guard lock(sticky->mutex);
    out.push_back({.pool = pool, .digest = sticky->table.digest()});
  }
  return out;
}

SessionStore::Changes SessionStore::take_changes_and_digests() {
  Changes out;
  const std::shared_lock tables_lock(tables_mutex_);
  // All tables at once, in one order: nothing may change between the list and any of the digests.
  std::vector<std::unique_lock<TableMutex>> locks;
  for (const PoolId pool : sorted_pools()) {
    PoolTable* const sticky = table(pool);
    locks.emplace_back(sticky->mutex);
    out.digests.push_back({.pool = pool, .digest = sticky->table.digest()});
  }
  take_list(out);
  return out;
}

/// Leaves the last change of each key. Sorted, not hashed: strangers choose the keys.
void SessionStore::coalesce(std::vector<SessionChange>& changes) {
  std::vector<uint32_t> order(changes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
    return std::tie(changes[a].pool, changes[a].session.key, a) <
           std::tie(changes[b].pool, changes[b].session.key, b);
  });

  std::vector<bool> superseded(changes.size());
  for (size_t i = 1; i < order.size(); ++i) {
    const SessionChange& earlier = changes[order[i - 1]];
    const SessionChange& later = changes[order[i]];
    superseded[order[i - 1]] =
        earlier.pool == later.pool && earlier.session.key == later.session.key;
  }
  size_t kept = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    if (!superseded[i]) changes[kept++] = changes[i];
  }
  changes.resize(kept);
}

bool SessionStore::merge(const SessionChange& change, TimePoint now, bool prefer_ours_on_tie) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(change.pool);
  if (sticky == nullptr) return false;
  const std::lock_guard lock(sticky->mutex);
  return merge_one(*sticky, sticky->table.hashed(change.session.key), change, now,
                   prefer_ours_on_tie);
}

void SessionStore::merge(std::span<const SessionChange> changes, TimePoint now,
                         bool prefer_ours_on_tie) {
  while (!changes.empty()) {
    // Of one pool, and few.
    size_t count = 1;
    const size_t most = std::min(changes.size(), kMergeSlice);
    while (count < most && changes[count].pool == changes.front().pool) ++count;
    merge_slice(changes.first(count), now, prefer_ours_on_tie);
    changes = changes.subspan(count);
  }
}

void SessionStore::merge_slice(std::span<const SessionChange> changes, TimePoint now,
                               bool prefer_ours_on_tie) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(changes.front().pool);
  if (sticky == nullptr) return;
  std::array<SessionSlab::HashedKey, kMergeSlice> keys;
  for (size_t i = 0; i < changes.size(); ++i) {
    keys[i] = sticky->table.hashed(changes[i].session.key);
  }
  sticky->mutex.let_others_in();
  const std::lock_guard lock(sticky->mutex);
  const SessionSlab& slab = sticky->table.slab();
  for (size_t i = 0; i < changes.size(); ++i) slab.expect_bucket(keys[i]);
  for (size_t i = 0; i < changes.size(); ++i) slab.expect_entry(keys[i]);
  for (size_t i = 0; i < changes.size(); ++i) {
    merge_one(*sticky, keys[i], changes[i], now, prefer_ours_on_tie);
  }
}

/// The caller holds the table's lock.
bool SessionStore::merge_one(PoolTable& sticky, const SessionSlab::HashedKey& key,
                             const SessionChange& change, TimePoint now, bool prefer_ours_on_tie) {
  const Session& session = change.session;
  if (change.removed) {
    // Gone already is as good as removed.
    return sticky.table.erase(key, session.version) || !sticky.table.contains(key);
  }
  if (!sticky.table.knows(session.server)) {
    auto server = find_server_(session.server);
    if (server == nullptr) return false;
    sticky.table.introduce(std::move(server));
  }
  return sticky.table.merge(key, session, now, prefer_ours_on_tie);
}

void SessionStore::expect(PoolId pool, size_t entries) {
  const std::shared_lock tables_lock(tables_mutex_);
  PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return;
  const std::lock_guard lock(sticky->mutex);
  sticky->table.expect(entries);
}

std::optional<size_t> SessionStore::walk(PoolId pool, size_t cursor, size_t most, TimePoint now,
                                         std::vector<Session>& out) const {
  const std::shared_lock tables_lock(tables_mutex_);
  const PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return std::nullopt;
  const size_t end = out.size() + most;
  std::optional<size_t> next = cursor;
  while (next && out.size() < end) {
    const size_t slice = std::min(end - out.size(), kWalkSlice);
    const size_t before = out.size();
    sticky->mutex.let_others_in();
    const std::lock_guard lock(sticky->mutex);
    next = sticky->table.walk(*next, slice, now, out);
    if (out.size() < before + slice) break;  // a sparse stretch: enough for now
  }
  return next;
}

/// The caller holds tables_mutex_ at least shared.
std::vector<PoolId> SessionStore::sorted_pools() const {
  std::vector<PoolId> out;
  out.reserve(tables_.size());
  for (const auto& [pool, sticky] : tables_) out.push_back(pool);
  std::ranges::sort(out);
  return out;
}

std::vector<PoolId> SessionStore::pools() const {
  const std::shared_lock tables_lock(tables_mutex_);
  return sorted_pools();
}

size_t SessionStore::expire(TimePoint now) {
  size_t total = 0;
  bool wake = false;
  for (const PoolId pool : pools()) {
    for (size_t removed = 0; removed < kMaxExpired;) {
      const std::shared_lock tables_lock(tables_mutex_);
      PoolTable* const sticky = table(pool);
      if (sticky == nullptr) break;
      sticky->mutex.let_others_in();
      const std::lock_guard lock(sticky->mutex);
      const auto expired = sticky->table.expire(now, kSlice);
      for (const Session& session : expired) wake = list_change(pool, session, true) || wake;
      removed += expired.size();
      total += expired.size();
      if (expired.size() < kSlice) break;
    }
  }
  if (wake) on_change_();
  return total;
}

void SessionStore::restart_timeouts(TimePoint now) {
  const std::shared_lock tables_lock(tables_mutex_);
  for (const auto& [pool, sticky] : tables_) {
    const std::lock_guard lock(sticky->mutex);
    sticky->table.restart_timeouts(now);
  }
}

size_t SessionStore::size() const {
  const std::shared_lock tables_lock(tables_mutex_);
  size_t total = 0;
  for (const auto& [pool, sticky] : tables_) {
    const std::lock_guard lock(sticky->mutex);
    total += sticky->table.size();
  }
  return total;
}

size_t SessionStore::size(PoolId pool) const {
  const std::shared_lock tables_lock(tables_mutex_);
  const PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return 0;
  const std::lock_guard lock(sticky->mutex);
  return sticky->table.size();
}

uint64_t SessionStore::evicted(PoolId pool) const {
  const std::shared_lock tables_lock(tables_mutex_);
  const PoolTable* const sticky = table(pool);
  if (sticky == nullptr) return 0;
  const std::lock_guard lock(sticky->mutex);
  return sticky->evicted;
}

}  // namespace hapair::lbcore::sticky
