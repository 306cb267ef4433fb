// What every scheduler asks first.
#pragma once

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

/// Weight 0 means draining, whatever `usable` says.
inline bool eligible(const Candidate& candidate) {
  return candidate.usable && candidate.weight > 0;
}

}  // namespace hapair::lbcore::balance
