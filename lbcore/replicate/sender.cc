#include "lbcore/replicate/sender.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hapair::lbcore::replicate {

Sender::Sender(const Tables& tables, Limits limits)
    : tables_(&tables), limits_(limits), encoder_(tables), queue_(limits.max_queued) {}

void Sender::start_snapshot() {
  barrier_.reset();
  phase_ = Phase::begin;
  end_ = 0;
}

bool Sender::add(std::span<const sticky::SessionChange> changes, TimePoint now) {
  if (!changes.empty()) barrier_.reset();  // no longer true; the next period brings another
  for (const auto& change : changes) {
    if (queue_.push(change, now)) continue;
    lose_changes();
    return false;
  }
  return true;
}

void Sender::lose_changes() {
  queue_.clear(sequence_);
  queue_.acknowledged(acknowledged_);
}

bool Sender::next(wire::Frame& frame, TimePoint now) {
  // After a gap the peer acknowledges nothing until the new snapshot begins: that may not wait.
  if (in_flight_.size() >= limits_.window && phase_ != Phase::begin) return false;
  InFlight sent{.sequence = sequence_ + 1, .since = now};
  if (!fill(frame, now, sent)) return false;
  frame.set_sequence(++sequence_);
  if (!frame.has_barrier()) last_content_ = sequence_;
  deltas_in_flight_ += sent.delta_entries;
  in_flight_.push_back(sent);
  return true;
}

bool Sender::fill(wire::Frame& frame, TimePoint now, InFlight& sent) {
  if (phase_ == Phase::begin) {
    fill_begin(*frame.mutable_snapshot_begin());
    return true;
  }
  if (!queue_.empty() && (phase_ == Phase::live || !chunk_next_)) {
    chunk_next_ = true;
    fill_delta(*frame.mutable_delta(), sent);
    return true;
  }
  if (phase_ == Phase::chunks) {
    chunk_next_ = false;
    if (fill_chunk(*frame.mutable_chunk(), now, sent)) return true;
    auto& end = *frame.mutable_snapshot_end();
    end.set_entries(sent_);
    end.set_digest(digest_);
    end_ = sent.sequence;
    phase_ = Phase::live;
    barrier_at_ = {};
    return true;
  }
  if (!barrier_) return false;
  fill_barrier(*frame.mutable_barrier());
  return true;
}

void Sender::fill_begin(wire::SnapshotBegin& begin) {
  encoder_.restart();
  pools_ = tables_->pools();
  pool_ = cursor_ = 0;
  expected_ = tables_->size();
  sent_ = confirmed_ = digest_ = 0;
  for (auto& frame : in_flight_) frame.chunk_entries = 0;  // of an earlier snapshot
  begin.set_entries(expected_);
  for (const PoolId pool : pools_) {
    if (const size_t entries = tables_->size_of(pool); entries > 0) {
      auto* size = begin.add_pools();
      size->set_pool(std::string(tables_->pool_name(pool)));
      size->set_entries(entries);
    }
  }
  phase_ = Phase::chunks;
}

void Sender::fill_delta(wire::Batch& delta, InFlight& sent) {
  sent.since = queue_.oldest();
  batch_.clear();
  queue_.pop(limits_.batch, sent.sequence, batch_);
  encoder_.encode(batch_, delta);
  sent.delta_entries = batch_.size();
}

bool Sender::fill_chunk(wire::Batch& chunk, TimePoint now, InFlight& sent) {
  while (pool_ < pools_.size()) {
    slice_.clear();
    const auto next = tables_->walk(pools_[pool_], cursor_, limits_.batch, now, slice_);
    const PoolId pool = pools_[pool_];
    cursor_ = next.value_or(0);
    if (!next) ++pool_;
    if (slice_.empty()) continue;
    batch_.clear();
    for (const auto& session : slice_) batch_.push_back({pool, session, false});
    encoder_.encode(batch_, chunk);
    digest_ += encoder_.digest_of(batch_);
    sent_ += batch_.size();
    sent.chunk_entries = batch_.size();
    return true;
  }
  return false;
}

bool Sender::barrier_due(TimePoint now) const {
  return now >= barrier_at_ && snapshot_acknowledged() && in_flight_.size() < limits_.window;
}

void Sender::set_barrier(std::vector<PoolDigest> digests, uint64_t applied, TimePoint now) {
  barrier_ = Barrier{std::move(digests), applied};
  barrier_at_ = now + limits_.barrier_period;
}

void Sender::fill_barrier(wire::Barrier& barrier) {
  barrier.set_applied(barrier_->applied);
  for (const auto& [pool, digest] : barrier_->digests) {
    auto* entry = barrier.add_pools();
    entry->set_pool(std::string(tables_->pool_name(pool)));
    entry->set_entries(digest.entries);
    entry->set_sum(digest.sum);
  }
  barrier_.reset();
}

bool Sender::acknowledged(uint64_t sequence) {
  if (sequence < acknowledged_ || sequence > sequence_) return false;
  acknowledged_ = sequence;
  while (!in_flight_.empty() && in_flight_.front().sequence <= sequence) {
    confirmed_ += in_flight_.front().chunk_entries;
    deltas_in_flight_ -= in_flight_.front().delta_entries;
    in_flight_.pop_front();
  }
  queue_.acknowledged(sequence);
  return true;
}

uint32_t Sender::percent() const {
  if (snapshot_acknowledged()) return 100;
  if (phase_ == Phase::begin) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>(99, confirmed_ * 100 / std::max<uint64_t>(1, expected_)));
}

Duration Sender::lag(TimePoint now) const {
  const auto delta = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [](const auto& frame) { return frame.delta_entries > 0; });
  if (delta != in_flight_.end()) return now - delta->since;
  return queue_.empty() ? Duration::zero() : now - queue_.oldest();
}

}  // namespace hapair::lbcore::replicate
