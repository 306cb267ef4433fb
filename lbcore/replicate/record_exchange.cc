#include "lbcore/replicate/record_exchange.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::replicate {

void RecordExchange::connected(TimePoint now) {
  disconnected();
  connected_ = true;
  repair_pause_ = kRepairPause;
  say_all(now);
}

void RecordExchange::disconnected() {
  connected_ = false;
  whole_ = false;
  outgoing_.clear();
  incoming_.clear();
  said_.reset();
  heard_.reset();
  repair_at_.reset();
}

void RecordExchange::say_all(TimePoint now) {
  outgoing_.clear();
  for (RuntimeRecord& record : records_.all()) outgoing_.push_back(std::move(record));
  whole_ = true;
  whole_settled_ = settled(now);
}

void RecordExchange::changed(const std::vector<RuntimeRecord>& records) {
  settled_ = settled_ || !records.empty();
  if (!connected_) return;
  outgoing_.insert(outgoing_.end(), records.begin(), records.end());
}

bool RecordExchange::received(const runtime::RecordBatch& batch, bool prefer_ours_on_tie,
                              TimePoint now) {
  if (!connected_) return false;
  // Kept until all is here: half of what the peer has could be a pool without its servers.
  if (incoming_.size() + static_cast<size_t>(batch.records_size()) <= RuntimeRecords::kMost) {
    incoming_.insert(incoming_.end(), batch.records().begin(), batch.records().end());
  }
  if (!batch.last()) return false;
  const auto records = std::exchange(incoming_, {});
  heard_ = batch.digest();
  bool changed = false;
  const bool ours_are_old = settled(now);
  if (batch.whole() && batch.settled() != ours_are_old) {
    if (ours_are_old) return false;  // a newcomer: it takes ours
    changed = records_.digest() != batch.digest();
    records_.clear();
  }
  for (const RuntimeRecord& record : records) {
    changed |= records_.merge(record, prefer_ours_on_tie);
  }
  if (batch.whole()) settled_ = true;
  return changed;
}

std::optional<runtime::RecordBatch> RecordExchange::next(TimePoint now) {
  if (!connected_) return std::nullopt;
  if (agreed() || !heard_) {
    repair_at_.reset();
    if (heard_) repair_pause_ = kRepairPause;
  } else if (outgoing_.empty() && !repair_at_) {
    repair_at_ = now + repair_pause_;
    repair_pause_ = std::min(repair_pause_ * 2, kRepairPauseMost);
  } else if (repair_at_ && now >= *repair_at_) {
    repair_at_.reset();
    say_all(now);
  }
  const uint64_t digest = records_.digest();
  if (outgoing_.empty() && !whole_ && said_ == digest) return std::nullopt;

  runtime::RecordBatch batch;
  batch.set_whole(whole_);
  batch.set_settled(whole_settled_);
  for (size_t bytes = 0; !outgoing_.empty() && bytes < kBatchBytes; outgoing_.pop_front()) {
    bytes += outgoing_.front().ByteSizeLong();
    *batch.add_records() = std::move(outgoing_.front());
  }
  if (outgoing_.empty()) {
    whole_ = false;
    batch.set_last(true);
    batch.set_digest(digest);
    said_ = digest;
  }
  return batch;
}

bool RecordExchange::agreed() const {
  return connected_ && outgoing_.empty() && !whole_ && heard_ == records_.digest() &&
         said_ == heard_;
}

}  // namespace hapair::lbcore::replicate
