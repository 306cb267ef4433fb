// What the running topology looks like to an operator: the rows of `pairadm -L` and of the node's
// status. Pure but for reading live counters. Called by Balancer.
#pragma once

#include "common/clock.h"
#include "common/schema/control.pb.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore {

control::Service describe(const Service& service, const sticky::SessionStore& sessions,
                          TimePoint now);

}  // namespace hapair::lbcore
