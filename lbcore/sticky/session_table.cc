#include "lbcore/sticky/session_table.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <xxhash.h>

namespace hapair::lbcore::sticky {

namespace {

constexpr uint32_t kMostHolders = (uint32_t{1} << 16) - 1;
constexpr SessionSlab::Slot kNone = SessionSlab::kNone;

// A slice of a walk looks at this many slots per entry that it may return: a table that was full
// once and is sparse now must not be searched in one go.
constexpr size_t kSlotsPerEntry = 8;

size_t slice_end(size_t cursor, size_t most, size_t end) {
  return std::min(end, cursor + std::max<size_t>(most, 1) * kSlotsPerEntry);
}

uint64_t hash_for_digest(const SessionSlab::Entry& entry, uint64_t server_token) {
  struct {
    std::array<uint8_t, 16> key;
    uint64_t family;
    uint64_t server_token;
    uint64_t version;
  } const value{.key = entry.key,
                .family = entry.is_v6,
                .server_token = server_token,
                .version = entry.version};
  static_assert(sizeof value == 40);  // without padding
  return XXH3_64bits(&value, sizeof value);
}

}  // namespace

SessionTable::SessionTable(Limits limits, SipKey hash_key) : limits_(limits), slab_(hash_key) {}

SessionTable::~SessionTable() {
  for (auto& [id, server] : servers_) {
    server.live->sessions.fetch_sub(server.sessions, std::memory_order_relaxed);
  }
}

void SessionTable::introduce(std::shared_ptr<LiveServer> server) {
  const ServerId id = server->id;
  const uint64_t token = server->token;
  servers_.try_emplace(id, PerServer{.live = std::move(server), .token = token, .sessions = 0});
}

void SessionTable::forget_unused_servers(const std::unordered_set<ServerId>& but) {
  std::erase_if(servers_, [&](const auto& known) {
    return known.second.sessions == 0 && !but.contains(known.first);
  });
}

std::optional<ServerId> SessionTable::use(const IpAddress& key, TimePoint now) {
  const Slot slot = slab_.find(key);
  if (slot == kNone) return std::nullopt;
  touch(slot, now);
  return ServerId{slab_[slot].server};
}

std::optional<Session> SessionTable::peek(const IpAddress& key, TimePoint now) const {
  const Slot slot = slab_.find(key);
  if (slot == kNone) return std::nullopt;
  return to_session(slab_[slot], now);
}

SessionTable::Put SessionTable::put(const IpAddress& key, ServerId server, TimePoint now) {
  Put out;
  const HashedKey hashed_key = hashed(key);
  Slot slot = slab_.find(hashed_key);
  if (slot != kNone) {
    touch(slot, now);
    out.changed = slab_[slot].server != server;
    if (out.changed) assign(slot, server, ++highest_version_);
  } else {
    if (size() >= limits_.max_entries && oldest_ != kNone) out.evicted = take_out(oldest_, now);
    slot = add(hashed_key, server, ++highest_version_, now);
    out.changed = true;
  }
  out.session = to_session(slab_[slot], now);
  return out;
}

bool SessionTable::merge(const HashedKey& key, const Session& session, TimePoint now,
                         bool prefer_ours_on_tie) {
  highest_version_ = std::max(highest_version_, session.version);
  const Slot slot = slab_.find(key);
  if (slot == kNone) {
    if (size() >= limits_.max_entries + kMergeSlack) take_out(oldest_, now);
    add(key, session.server, session.version, now);
    return true;
  }
  const uint64_t ours = slab_[slot].version;
  if (session.version < ours || (session.version == ours && prefer_ours_on_tie)) return false;
  assign(slot, session.server, session.version);
  touch(slot, now);
  return true;
}

bool SessionTable::erase(const HashedKey& key, uint64_t version) {
  highest_version_ = std::max(highest_version_, version);
  const Slot slot = slab_.find(key);
  if (slot == kNone || slab_[slot].version > version) return false;
  take_out(slot, {});
  return true;
}

std::vector<Session> SessionTable::expire(TimePoint now, size_t most) {
  std::vector<Session> out;
  for (size_t looked_at = 0; looked_at < most && oldest_ != kNone; ++looked_at) {
    if (now - last_used(slab_[oldest_]) < limits_.timeout) break;
    if (slab_[oldest_].holders > 0) {
      touch(oldest_, now);
    } else {
      out.push_back(take_out(oldest_, now));
    }
  }
  return out;
}

void SessionTable::hold(const IpAddress& key) {
  const Slot slot = slab_.find(key);
  if (slot != kNone && slab_[slot].holders < kMostHolders) ++slab_[slot].holders;
}

void SessionTable::release(const IpAddress& key, TimePoint now) {
  const Slot slot = slab_.find(key);
  // Another session of this key than the one that was held: nothing is lost but a little time.
  if (slot == kNone || slab_[slot].holders == 0) return;
  --slab_[slot].holders;
  touch(slot, now);
}

uint32_t SessionTable::holders(const IpAddress& key) const {
  const Slot slot = slab_.find(key);
  return slot == kNone ? 0 : slab_[slot].holders;
}

void SessionTable::release_all() {
  for (Slot slot = 0; slot < slab_.end(); ++slot) slab_[slot].holders = 0;
}

void SessionTable::restart_timeouts(TimePoint now) {
  all_used_at_ = now;
}

std::optional<size_t> SessionTable::walk(size_t cursor, size_t most, TimePoint now,
                                         std::vector<Session>& out) const {
  const size_t end = slice_end(cursor, most, slab_.end());
  for (size_t found = 0; cursor < end && found < most; ++cursor) {
    const Entry& entry = slab_[static_cast<Slot>(cursor)];
    if (!entry.in_use) continue;
    out.push_back(to_session(entry, now));
    ++found;
  }
  if (cursor >= slab_.end()) return std::nullopt;
  return cursor;
}

std::optional<size_t> SessionTable::erase_server(ServerId server, size_t cursor, size_t most,
                                                 TimePoint now, std::vector<Session>& out) {
  const size_t end = slice_end(cursor, most, slab_.end());
  for (size_t found = 0; cursor < end && found < most; ++cursor) {
    const Entry& entry = slab_[static_cast<Slot>(cursor)];
    if (!entry.in_use || entry.server != server) continue;
    out.push_back(take_out(static_cast<Slot>(cursor), now));
    ++found;
  }
  if (cursor >= slab_.end() || sessions_of(server) == 0) return std::nullopt;
  return cursor;
}

std::vector<Session> SessionTable::set_limits(Limits limits, TimePoint now) {
  limits_ = limits;
  std::vector<Session> evicted;
  while (size() > limits_.max_entries) evicted.push_back(take_out(oldest_, now));
  return evicted;
}

uint32_t SessionTable::sessions_of(ServerId server) const {
  const auto found = servers_.find(server);
  return found == servers_.end() ? 0 : found->second.sessions;
}

TimePoint SessionTable::last_used(const Entry& entry) const {
  return std::max(entry.last_used, all_used_at_);
}

Session SessionTable::to_session(const Entry& entry, TimePoint now) const {
  return {
      .key = entry.address(),
      .server = entry.server,
      .version = entry.version,
      // Workers' clocks are fetched per batch: another one's `now` may be a little ahead of ours.
      .idle = std::max(now - last_used(entry), Duration::zero())};
}

/// Enters an entry into the sums, or takes it out; around every change of its server or version.
void SessionTable::count(const Entry& entry, bool added) {
  PerServer& server = servers_.at(entry.server);
  if (added) {
    ++digest_.entries;
    digest_.sum += hash_for_digest(entry, server.token);
    ++server.sessions;
    server.live->sessions.fetch_add(1, std::memory_order_relaxed);
  } else {
    --digest_.entries;
    digest_.sum -= hash_for_digest(entry, server.token);
    --server.sessions;
    server.live->sessions.fetch_sub(1, std::memory_order_relaxed);
  }
}

void SessionTable::assign(Slot slot, ServerId server, uint64_t version) {
  Entry& entry = slab_[slot];
  count(entry, false);
  entry.server = server;
  entry.version = version;
  count(entry, true);
}

SessionTable::Slot SessionTable::add(const HashedKey& key, ServerId server, uint64_t version,
                                     TimePoint now) {
  assert(knows(server));
  const Slot slot = slab_.add(key);
  Entry& entry = slab_[slot];
  entry.server = server;
  entry.version = version;
  entry.last_used = now;
  link_newest(slot);
  count(entry, true);
  return slot;
}

Session SessionTable::take_out(Slot slot, TimePoint now) {
  const Session session = to_session(slab_[slot], now);
  count(slab_[slot], false);
  unlink(slot);
  slab_.remove(slot);
  return session;
}

void SessionTable::touch(Slot slot, TimePoint now) {
  slab_[slot].last_used = now;
  if (slot == newest_) return;
  unlink(slot);
  link_newest(slot);
}

void SessionTable::link_newest(Slot slot) {
  Entry& entry = slab_[slot];
  entry.older = newest_;
  entry.newer = kNone;
  (newest_ == kNone ? oldest_ : slab_[newest_].newer) = slot;
  newest_ = slot;
}

void SessionTable::unlink(Slot slot) {
  const Entry& entry = slab_[slot];
  (entry.older == kNone ? oldest_ : slab_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : slab_[entry.newer].older) = entry.older;
}

}  // namespace hapair::lbcore::sticky
