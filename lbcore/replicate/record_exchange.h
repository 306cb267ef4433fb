// How the runtime changes of the pair get to the other node: all of them when the two meet, then
// each change; digests tell whether both hold the same. Pure: (event, now) -> batches to send.
//
// A process that has just started knows nothing but what [lbcore] restore said: it takes what a
// peer holds that has been there for longer, whole. Two that know something merge
// (model/runtime_records.h). Should the digests differ nevertheless, both say everything again,
// less and less often. Driven by Balancer.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "lbcore/model/runtime_records.h"

namespace hapair::lbcore::replicate {

class RecordExchange {
 public:
  /// A process is no newcomer any more after this.
  static constexpr Duration kNewcomer = 10s;

  RecordExchange(RuntimeRecords& records, TimePoint now) : records_(records), born_(now) {}

  void connected(TimePoint now);
  void disconnected();
  /// Changes that were made here.
  void changed(const std::vector<RuntimeRecord>& records);
  /// Whether our records have changed by it.
  bool received(const runtime::RecordBatch& batch, bool prefer_ours_on_tie, TimePoint now);
  /// What is to be sent now; call it until there is nothing.
  std::optional<runtime::RecordBatch> next(TimePoint now);
  /// Something is to be sent although nothing has happened.
  [[nodiscard]] bool wants_to_speak(TimePoint now) const {
    return connected_ && (!outgoing_.empty() || whole_ || said_ != records_.digest() ||
                          (heard_ && !agreed() && (!repair_at_ || now >= *repair_at_)));
  }
  /// Not a newcomer, although the process is.
  void settle() { settled_ = true; }
  /// Both hold the same, as far as is known here.
  [[nodiscard]] bool agreed() const;

 private:
  static constexpr size_t kBatchBytes = size_t{48} << 10;
  static constexpr Duration kRepairPause = 1s;
  static constexpr Duration kRepairPauseMost = 60s;

  [[nodiscard]] bool settled(TimePoint now) const { return settled_ || now - born_ >= kNewcomer; }
  void say_all(TimePoint now);

  RuntimeRecords& records_;
  TimePoint born_;
  bool settled_ = false;
  bool connected_ = false;
  std::deque<RuntimeRecord> outgoing_;
  bool whole_settled_ = false;           // were we, when we began to say it
  bool whole_ = false;                   // what is outgoing is all we have
  std::optional<uint64_t> said_;         // our digest, as last told
  std::vector<RuntimeRecord> incoming_;  // the peer's, until the last batch
  std::optional<uint64_t> heard_;        // the peer's digest, once it has told everything
  std::optional<TimePoint> repair_at_;
  Duration repair_pause_ = kRepairPause;
};

}  // namespace hapair::lbcore::replicate
