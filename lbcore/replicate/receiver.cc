#include "lbcore/replicate/receiver.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hapair::lbcore::replicate {

Receiver::Verdict Receiver::take(const wire::Frame& frame) {
  entries_.clear();
  const uint64_t number = frame.sequence();
  if (number == 0) return refuse("data frame without a number");
  if (number <= applied_) return Verdict::duplicate;
  if (frame.has_snapshot_begin()) {
    // The one frame that may follow a gap: it makes what was lost irrelevant.
    applied_ = number;
    return begin(frame.snapshot_begin());
  }
  if (phase_ == Phase::nothing) return refuse("data before the snapshot");
  if (phase_ == Phase::lost) return Verdict::skipped;
  if (number != applied_ + 1) {
    return lose(fmt::format("frame {} after frame {}", number, applied_));
  }
  applied_ = number;
  switch (frame.body_case()) {
    case wire::Frame::kChunk:
      return chunk(frame.chunk());
    case wire::Frame::kSnapshotEnd:
      return end(frame.snapshot_end());
    case wire::Frame::kDelta:
      return delta(frame.delta());
    case wire::Frame::kBarrier:
      return live() ? Verdict::stored : refuse("barrier inside a snapshot");
    default:
      return refuse("numbered frame without data");
  }
}

Receiver::Verdict Receiver::begin(const wire::SnapshotBegin& begin) {
  phase_ = Phase::snapshot;
  if (begin.pools_size() > static_cast<int>(kMaxPools)) return refuse("too many pools");
  decoder_.restart();
  for (const auto& pool : begin.pools()) {
    if (pool.pool().empty() || pool.pool().size() > kMaxNameBytes) return refuse("pool name size");
    tables_->expect(tables_->pool(pool.pool()), pool.entries());
  }
  expected_ = begin.entries();
  received_ = digest_ = 0;
  return Verdict::stored;
}

Receiver::Verdict Receiver::chunk(const wire::Batch& chunk) {
  if (phase_ != Phase::snapshot) return refuse("chunk outside a snapshot");
  if (auto status = decoder_.decode(chunk, entries_); !status)
    return refuse(status.error().message);
  if (std::any_of(entries_.begin(), entries_.end(), [](const auto& e) { return e.removed; })) {
    return refuse("removed entry in a snapshot");
  }
  received_ += entries_.size();
  digest_ += decoder_.digest_of(entries_);
  return Verdict::stored;
}

Receiver::Verdict Receiver::end(const wire::SnapshotEnd& end) {
  if (phase_ != Phase::snapshot) return refuse("end of a snapshot that never began");
  if (end.entries() != received_) {
    return lose(fmt::format("snapshot of {} entries brought {}", end.entries(), received_));
  }
  if (end.digest() != digest_) return lose("digest of the snapshot is wrong");
  phase_ = Phase::live;
  return Verdict::stored;
}

Receiver::Verdict Receiver::delta(const wire::Batch& delta) {
  if (auto status = decoder_.decode(delta, entries_); !status)
    return refuse(status.error().message);
  return Verdict::stored;
}

Receiver::Verdict Receiver::refuse(std::string reason) {
  entries_.clear();
  reason_ = std::move(reason);
  return Verdict::refused;
}

Receiver::Verdict Receiver::lose(std::string reason) {
  phase_ = Phase::lost;
  reason_ = std::move(reason);
  return Verdict::resync;
}

uint32_t Receiver::percent() const {
  if (phase_ == Phase::live) return 100;
  return static_cast<uint32_t>(
      std::min<uint64_t>(99, received_ * 100 / std::max<uint64_t>(1, expected_)));
}

}  // namespace hapair::lbcore::replicate
