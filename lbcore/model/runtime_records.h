// The runtime changes of the pair: for every thing that pairadm made, changed or deleted a record
// of what the file says of it and what runs instead, with a version. Both nodes hold the same
// records; what runs on a node follows from its file and the records alone, by the rule of a reload
// (DESIGN invariant 11): where the file says something else now than it did then, the file wins.
//
// Two sets merge record by record: the higher version wins, then the Active's. Pure. Held by
// Balancer, exchanged by replicate/record_exchange.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lbcore/model/runtime_records.pb.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

using RuntimeRecord = runtime::Record;

class RuntimeRecords {
 public:
  static constexpr size_t kMost = 16384;

  /// What `running` has that `file` has not, and the other way round, is noted; the records that
  /// changed by it come back. Nothing is noted, and nothing comes back, when there would be too
  /// many: see fits().
  std::vector<RuntimeRecord> note(const Spec& file, const Spec& running);
  /// Whether note() has room for all of it.
  [[nodiscard]] bool fits(const Spec& file, const Spec& running) const;
  /// The same for a node that knows nothing else yet: everybody who knows something wins.
  void begin(const Spec& file, const Spec& running);

  /// A record of the other node; whether it replaced ours. One that makes no sense is left alone.
  bool merge(const RuntimeRecord& record, bool prefer_ours_on_tie);
  /// Forgets everything.
  void clear() {
    records_.clear();
    digest_.reset();
  }

  /// What is to run. Records whose values this version does not understand have no effect.
  [[nodiscard]] Spec spec(const Spec& file) const;

  [[nodiscard]] std::vector<RuntimeRecord> all() const;
  [[nodiscard]] size_t size() const { return records_.size(); }
  /// The same on both nodes when their records are.
  [[nodiscard]] uint64_t digest() const;

 private:
  using Known = std::map<std::string, RuntimeRecord>;  // by what it is about

  static Known differences(const Spec& file, const Spec& running);
  void make_room();

  Known records_;
  mutable std::optional<uint64_t> digest_;  // once asked for
};

}  // namespace hapair::lbcore
