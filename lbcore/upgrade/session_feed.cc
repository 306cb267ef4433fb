#include "lbcore/upgrade/session_feed.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::upgrade {

namespace {

constexpr size_t kSlice = 512;  // with names of that many new servers a packet still holds it

}  // namespace

SessionSource::SessionSource(Registry& registry, sticky::SessionStore& store, Emit emit)
    : tables_(registry, store), encoder_(tables_), emit_(std::move(emit)), pools_(store.pools()) {}

bool SessionSource::slice(TimePoint now) {
  if (pool_ == pools_.size()) return false;
  some_.clear();
  const auto next = tables_.walk(pools_[pool_], cursor_, kSlice, now, some_);
  entries_.clear();
  for (const sticky::Session& session : some_) {
    entries_.push_back({.pool = pools_[pool_], .session = session, .removed = false});
  }
  emit(entries_);
  cursor_ = next.value_or(0);
  if (!next) ++pool_;
  return true;
}

void SessionSource::changes(const sticky::SessionStore::Changes& changes) {
  overflowed_ |= changes.overflowed;
  emit(changes.list);
}

void SessionSource::emit(std::span<const sticky::SessionChange> entries) {
  while (!entries.empty()) {
    const size_t count = std::min(entries.size(), kSlice);
    wire::FromOld message;
    encoder_.encode(entries.first(count), *message.mutable_sessions());
    emit_(std::move(message));
    entries = entries.subspan(count);
  }
}

SessionSink::SessionSink(Registry& registry, sticky::SessionStore& store)
    : store_(store), tables_(registry, store), decoder_(tables_) {}

Status SessionSink::take(const replicate::wire::Batch& batch, bool serving, TimePoint now) {
  if (auto decoded = decoder_.decode(batch, entries_); !decoded) return decoded;
  if (!serving) {
    store_.merge(entries_, now, false);
    return {};
  }
  for (const sticky::SessionChange& entry : entries_) {
    // As if a connection of ours had made it: a merge is no change, and the peer would not hear.
    if (!entry.removed) {
      store_.put(entry.pool, entry.session.key, entry.session.server, now);
    }
  }
  return {};
}

}  // namespace hapair::lbcore::upgrade
