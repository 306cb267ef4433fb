// What one connection sends of our tables: snapshot, numbered deltas and barriers, and what of it
// the peer has acknowledged. Pure. Owned by Protocol while the connection lives.
//
//   start_snapshot -> [begin] -> chunks, with deltas in between -> [end] -> deltas, barriers
//
// Deltas need not wait for the end of the snapshot: versions order both, and the peer's lag stays
// small. Nothing is kept for sending it again: TCP loses nothing, and what a lost connection loses
// the next snapshot brings.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.h"
#include "lbcore/replicate/change_queue.h"
#include "lbcore/replicate/entries.h"
#include "lbcore/replicate/replication.pb.h"
#include "lbcore/replicate/tables.h"

namespace hapair::lbcore::replicate {

class Sender {
 public:
  struct Limits {
    size_t max_queued = size_t{1} << 17;  // changes waiting; beyond: a new snapshot
    size_t batch = 1024;                  // entries per chunk or delta
    size_t window = 64;                   // frames on their way
    Duration barrier_period = 2s;
  };

  Sender(const Tables& tables, Limits limits);

  /// First sync and recovery are this one path. What waits keeps waiting: a removal is in no
  /// snapshot.
  void start_snapshot();
  /// False when the queue was full: as if lose_changes() had been called.
  bool add(std::span<const sticky::SessionChange> changes, TimePoint now);
  /// Changes were lost, so those that wait are misleading. Their outcome is a snapshot of *both*
  /// sides: ours brings what we have, the peer's what it has and we removed without being able to
  /// tell.
  void lose_changes();
  /// Time to compare tables: give the digests of the moment, with the changes up to it, to
  /// set_barrier().
  [[nodiscard]] bool barrier_due(TimePoint now) const;
  /// `digests` are true after every change that add() was given so far and after the peer's frame
  /// `applied`; sent once the queue is empty.
  void set_barrier(std::vector<PoolDigest> digests, uint64_t applied, TimePoint now);

  /// Fills `frame` (sequence and body) with the next data frame; false when there is nothing to
  /// send or the window is full.
  bool next(wire::Frame& frame, TimePoint now);
  /// False for a number that was never sent, or lies behind an earlier acknowledgement.
  bool acknowledged(uint64_t sequence);

  [[nodiscard]] bool buried(const sticky::SessionChange& entry) const {
    return queue_.buried(entry);
  }
  [[nodiscard]] bool snapshot_acknowledged() const { return end_ != 0 && acknowledged_ >= end_; }
  /// Of the running snapshot, 0 to 100.
  [[nodiscard]] uint32_t percent() const;
  [[nodiscard]] size_t lag_entries() const { return queue_.size() + deltas_in_flight_; }
  [[nodiscard]] Duration lag(TimePoint now) const;
  /// Whether the peer, with our frames up to `sequence`, has all we know of.
  [[nodiscard]] bool all_said_by(uint64_t sequence) const {
    return queue_.empty() && snapshot_acknowledged() && sequence >= last_content_;
  }

 private:
  struct InFlight {
    uint64_t sequence = 0;
    size_t chunk_entries = 0;
    size_t delta_entries = 0;
    TimePoint since;  // of its oldest change
  };

  bool fill(wire::Frame& frame, TimePoint now, InFlight& sent);
  void fill_begin(wire::SnapshotBegin& begin);
  void fill_delta(wire::Batch& delta, InFlight& sent);
  bool fill_chunk(wire::Batch& chunk, TimePoint now, InFlight& sent);
  void fill_barrier(wire::Barrier& barrier);

  enum class Phase : uint8_t { begin, chunks, live };

  const Tables* tables_;
  Limits limits_;
  EntryEncoder encoder_;
  ChangeQueue queue_;
  Phase phase_ = Phase::begin;
  bool chunk_next_ = false;  // deltas and chunks take turns

  // The walk through our tables.
  std::vector<PoolId> pools_;
  size_t pool_ = 0;
  size_t cursor_ = 0;
  uint64_t expected_ = 0;
  uint64_t sent_ = 0;
  uint64_t confirmed_ = 0;
  uint64_t digest_ = 0;

  uint64_t sequence_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t last_content_ = 0;  // sequence of the latest frame that was not a barrier
  uint64_t end_ = 0;           // sequence of the latest SnapshotEnd; 0: not sent yet
  std::deque<InFlight> in_flight_;
  size_t deltas_in_flight_ = 0;
  struct Barrier {
    std::vector<PoolDigest> digests;
    uint64_t applied = 0;
  };
  std::optional<Barrier> barrier_;  // waits for the queue to empty
  TimePoint barrier_at_{};
  std::vector<sticky::SessionChange> batch_;
  std::vector<sticky::Session> slice_;
};

}  // namespace hapair::lbcore::replicate
