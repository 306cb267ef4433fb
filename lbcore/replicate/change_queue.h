// Changes that wait for the peer, oldest first, at most `limit` of them (DESIGN invariant 8: the
// outcome of a full queue is named by the caller, desync). Pure.
//
// While the peer keeps up the queue empties with every pump, and a change costs one append. Only a
// queue that did not empty coalesces by key: the later change takes the place of the earlier one.
// The order of different keys is kept: a full table's eviction must reach the peer before the entry
// that needed the room.
//
// It also remembers every removal until the peer has acknowledged it: until then the peer may still
// send us the entry, in a snapshot it read before the removal reached it, and that must not bring
// the entry back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate {

struct ChangeKey {
  PoolId pool = 0;
  IpAddress key;
  friend bool operator==(const ChangeKey&, const ChangeKey&) = default;
};

struct ChangeKeyHash {
  size_t operator()(const ChangeKey& key) const noexcept {
    return std::hash<IpAddress>()(key.key) * 31 + key.pool;
  }
};

class ChangeQueue {
 public:
  explicit ChangeQueue(size_t limit) : limit_(limit) {}

  /// False when there is no room; the queue is then as full as it may be and the caller gives it up
  /// with clear().
  bool push(const sticky::SessionChange& change, TimePoint now);
  /// Moves the oldest entries, at most `most`, to `out` as part of frame `sequence`.
  void pop(size_t most, uint64_t sequence, std::vector<sticky::SessionChange>& out);
  /// The peer has everything up to frame `sequence`.
  void acknowledged(uint64_t sequence);
  /// Forgets what waits. Its removals are remembered until frame `sent`, the last one so far, is
  /// acknowledged: what the peer says after that counts again.
  void clear(uint64_t sent);

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] size_t size() const { return waiting_.size() - head_; }
  /// When the oldest waiting change was pushed; only while there is one.
  [[nodiscard]] TimePoint oldest() const { return waiting_[head_].since; }
  /// Whether the peer's `entry` is one that we removed and the peer had not heard of it yet.
  [[nodiscard]] bool buried(const sticky::SessionChange& entry) const;

 private:
  struct Waiting {
    sticky::SessionChange change;
    TimePoint since;
  };
  struct Grave {
    uint64_t version = 0;
    uint64_t sequence = kWaiting;
  };
  static constexpr uint64_t kWaiting = UINT64_MAX;

  void index_backlog();

  size_t limit_;
  std::vector<Waiting> waiting_;  // from head_ on
  size_t head_ = 0;
  bool indexed_ = false;
  std::unordered_map<ChangeKey, size_t, ChangeKeyHash>
      index_;  // -> position in waiting_, while indexed_
  std::unordered_map<ChangeKey, Grave, ChangeKeyHash> graves_;
  std::deque<std::pair<uint64_t, ChangeKey>> buried_in_;  // (frame, key) of removals on their way
};

}  // namespace hapair::lbcore::replicate
