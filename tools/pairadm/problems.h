// Everything that is wrong with the pair, worst first: what an operator would want to have been
// told. Pure.
#pragma once

#include <vector>

#include "tools/pairadm/status_view.h"

namespace hapair::pairadm {

/// `view` holds the nodes already; its problems are not looked at. What a stale peer said is not
/// judged.
std::vector<Problem> find_problems(const Answers& answers, const StatusView& view);

}  // namespace hapair::pairadm
