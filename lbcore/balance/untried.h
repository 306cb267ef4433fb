// A retry of a scheduler that draws: the first member from a drawn place on that has not failed
// this connection. Retries are rare; that they favour a failed server's neighbour does not show.
#pragma once

#include <optional>
#include <span>

#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

inline std::optional<size_t> untried(std::span<const Member> members, size_t place,
                                     const Query& query) {
  for (size_t step = 0; step < members.size(); ++step) {
    const size_t index = members[place].index;
    if (!query.has_tried(index)) return index;
    place = place + 1 == members.size() ? 0 : place + 1;
  }
  return std::nullopt;
}

}  // namespace hapair::lbcore::balance
