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
std::unique_ptr<Scheduler> make_shortest_expected_delay(size_t start);
std::unique_ptr<Scheduler> make_never_queue(size_t start);
std::unique_ptr<Scheduler> make_weighted_random(size_t start);
std::unique_ptr<Scheduler> make_two_choices(size_t start);
std::unique_ptr<Scheduler> make_least_response_time(size_t start);
std::unique_ptr<Scheduler> make_least_bandwidth(size_t start);
std::unique_ptr<Scheduler> make_source_hash();
std::unique_ptr<Scheduler> make_maglev_hash();
std::unique_ptr<Scheduler> make_failover();
std::unique_ptr<Scheduler> make_overflow();

}  // namespace hapair::lbcore::balance
