// The state of a topology's rate limits, from one node to the other (replicate/rate_lane.h). Called
// by Balancer.
#pragma once

#include "common/clock.h"
#include "lbcore/model/topology.h"
#include "lbcore/replicate/replication.pb.h"

namespace hapair::lbcore {

/// How far services with a rate limit, and their busiest clients, are ahead of it.
replicate::wire::RateDebts rate_debts(const Topology& topology, TimePoint now);

/// Adds those of the other node, said `age` ago, to our own.
void add_rate_debts(const Topology& topology, const replicate::wire::RateDebts& debts, Duration age,
                    TimePoint now);

}  // namespace hapair::lbcore
