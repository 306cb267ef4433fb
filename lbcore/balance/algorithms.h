// One maker per algorithm, each defined in the algorithm's own file; make_scheduler chooses among
// them.
#pragma once

#include <cstddef>
#include <memory>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

std::unique_ptr<Scheduler> make_round_robin(size_t start);
std::unique_ptr<Scheduler> make_weighted_round_robin(size_t start);
std::unique_ptr<Scheduler> make_least_connections(size_t start);
std::unique_ptr<Scheduler> make_weighted_least_connections(size_t start);
std::unique_ptr<Scheduler> make_source_hash();

}  // namespace hapair::lbcore::balance
