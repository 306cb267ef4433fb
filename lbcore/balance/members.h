// The candidates that a scheduler picks among: those that are usable, closely packed, in the order
// of the list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

/// Weight 0 means draining, whatever `usable` says.
inline bool eligible(const Candidate& candidate) {
  return candidate.usable && candidate.weight > 0;
}

struct Member {
  size_t index = 0;  // in the list of candidates
  double share = 0;  // of the weights; a whole number
  const std::atomic<uint32_t>* connections = nullptr;

  [[nodiscard]] double active() const {
    return static_cast<double>(connections->load(std::memory_order_relaxed));
  }
};

inline void assign(std::vector<Member>& members, std::span<const Candidate> candidates) {
  members.clear();
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!eligible(candidates[i])) continue;
    members.push_back({.index = i,
                       .share = static_cast<double>(candidates[i].share()),
                       .connections = candidates[i].load.active});
  }
}

}  // namespace hapair::lbcore::balance
