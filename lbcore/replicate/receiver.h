// What one connection brings of the peer's tables: checks order and content of the data frames and
// turns them into entries to merge. Pure. Owned by Protocol while the connection lives.
//
//   nothing --SnapshotBegin--> snapshot --SnapshotEnd, count and digest right--> live
//   any of these --a gap in the numbers, a wrong count or digest--> lost --SnapshotBegin-->
//   snapshot
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lbcore/replicate/entries.h"
#include "lbcore/replicate/replication.pb.h"
#include "lbcore/replicate/tables.h"

namespace hapair::lbcore::replicate {

class Receiver {
 public:
  explicit Receiver(Tables& tables) : tables_(&tables), decoder_(tables) {}

  enum class Verdict : uint8_t {
    stored,     // take entries(), acknowledge
    duplicate,  // had it already
    skipped,    // after a gap, before the snapshot that mends it
    resync,     // ask for a snapshot: reason()
    refused,    // no peer of ours sends this: reason()
  };
  Verdict take(const wire::Frame& frame);

  /// Of the last frame; valid until the next one.
  [[nodiscard]] const std::vector<sticky::SessionChange>& entries() const { return entries_; }
  /// Takes entries out of it.
  template <typename Predicate>
  void drop_if(Predicate predicate) {
    std::erase_if(entries_, predicate);
  }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// The peer's number up to which everything is stored.
  [[nodiscard]] uint64_t applied() const { return applied_; }
  [[nodiscard]] bool live() const { return phase_ == Phase::live; }
  /// Of the running snapshot, 0 to 100.
  [[nodiscard]] uint32_t percent() const;

 private:
  enum class Phase : uint8_t { nothing, snapshot, live, lost };

  Verdict begin(const wire::SnapshotBegin& begin);
  Verdict chunk(const wire::Batch& chunk);
  Verdict end(const wire::SnapshotEnd& end);
  Verdict delta(const wire::Batch& delta);
  Verdict refuse(std::string reason);
  Verdict lose(std::string reason);

  Tables* tables_;
  EntryDecoder decoder_;
  Phase phase_ = Phase::nothing;
  uint64_t applied_ = 0;
  uint64_t expected_ = 0;  // of the running snapshot
  uint64_t received_ = 0;
  uint64_t digest_ = 0;
  std::vector<sticky::SessionChange> entries_;
  std::string reason_;
};

}  // namespace hapair::lbcore::replicate
