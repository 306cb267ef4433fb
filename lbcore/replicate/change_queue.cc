#include "lbcore/replicate/change_queue.h"

#include <algorithm>

namespace hapair::lbcore::replicate {

namespace {

ChangeKey key_of(const sticky::SessionChange& change) {
  return {change.pool, change.session.key};
}

}  // namespace

bool ChangeQueue::push(const sticky::SessionChange& change, TimePoint now) {
  if (indexed_) {
    const auto [found, fresh] = index_.try_emplace(key_of(change), waiting_.size());
    if (!fresh) {
      waiting_[found->second].change = change;  // keeps its place, and its age
      if (change.removed) graves_[key_of(change)] = {change.session.version, kWaiting};
      return true;
    }
  }
  if (size() >= limit_) {
    // Give coalescing its chance before the queue counts as full.
    if (indexed_) return false;
    index_backlog();
    return push(change, now);
  }
  waiting_.push_back({change, now});
  if (change.removed) graves_[key_of(change)] = {change.session.version, kWaiting};
  return true;
}

void ChangeQueue::pop(size_t most, uint64_t sequence, std::vector<sticky::SessionChange>& out) {
  const size_t count = std::min(most, size());
  for (size_t i = 0; i < count; ++i) {
    const auto& change = waiting_[head_++].change;
    out.push_back(change);
    if (indexed_) index_.erase(key_of(change));
    if (graves_.empty()) continue;
    const auto grave = graves_.find(key_of(change));
    // Either the removal itself travels now, or the newer put that took its place in the queue.
    if (grave == graves_.end() ||
        (!change.removed && change.session.version <= grave->second.version)) {
      continue;
    }
    grave->second.sequence = sequence;
    buried_in_.emplace_back(sequence, key_of(change));
  }
  if (empty()) {
    waiting_.clear();
    index_.clear();
    indexed_ = false;
    head_ = 0;
  } else if (!indexed_ || head_ > waiting_.size() / 2) {
    index_backlog();
  }
}

void ChangeQueue::acknowledged(uint64_t sequence) {
  while (!buried_in_.empty() && buried_in_.front().first <= sequence) {
    const auto grave = graves_.find(buried_in_.front().second);
    // A later removal of the same key may have taken the grave over.
    if (grave != graves_.end() && grave->second.sequence == buried_in_.front().first) {
      graves_.erase(grave);
    }
    buried_in_.pop_front();
  }
}

void ChangeQueue::clear(uint64_t sent) {
  waiting_.clear();
  index_.clear();
  indexed_ = false;
  head_ = 0;
  for (auto& [key, grave] : graves_) {
    if (grave.sequence != kWaiting) continue;
    grave.sequence = sent;
    buried_in_.emplace_back(sent, key);
  }
}

bool ChangeQueue::buried(const sticky::SessionChange& entry) const {
  if (graves_.empty()) return false;
  const auto grave = graves_.find(key_of(entry));
  return grave != graves_.end() && entry.session.version <= grave->second.version;
}

/// Packs the queue and coalesces what piled up in it: the oldest place, the latest change.
void ChangeQueue::index_backlog() {
  index_.clear();
  size_t kept = 0;
  for (size_t i = head_; i < waiting_.size(); ++i) {
    const auto [found, fresh] = index_.try_emplace(key_of(waiting_[i].change), kept);
    if (fresh) {
      waiting_[kept++] = waiting_[i];
    } else {
      waiting_[found->second].change = waiting_[i].change;
    }
  }
  waiting_.resize(kept);
  head_ = 0;
  indexed_ = true;
}

}  // namespace hapair::lbcore::replicate
