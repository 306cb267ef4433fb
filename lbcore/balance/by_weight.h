// Members in falling order of their configured weight, equals in the order of the list: what fo and
// ovf go through. Slow start does not count: an order of precedence has no shares to ramp.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

inline void order_by_weight(std::vector<Member>& members, std::span<const Candidate> candidates) {
  assign(members, candidates);
  std::ranges::stable_sort(members, [&](const Member& a, const Member& b) {
    return candidates[a.index].weight > candidates[b.index].weight;
  });
}

}  // namespace hapair::lbcore::balance
