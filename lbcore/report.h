// What the running topology looks like to an operator: the rows of `pairadm -L` and of the node's
// status. Pure but for reading live counters. Called by Balancer.
#pragma once

#include <vector>

#include "common/clock.h"
#include "common/schema/control.pb.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/connection.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore {

control::Server describe(const Server& server, TimePoint now);
/// Without its servers.
control::Service describe_alone(const Service& service, const sticky::SessionStore& sessions);
control::Service describe(const Service& service, const sticky::SessionStore& sessions,
                          TimePoint now);

/// The same with what a Listing has beside: rates, and what `pairadm -Z` took off. Not for the
/// status: it goes to the peer with every heartbeat.
control::Service describe_with_figures(const Service& service, const sticky::SessionStore& sessions,
                                       TimePoint now);

/// Sets the latency of a described service and of its servers.
void add_latency(const Service& service, control::Service& told);

control::Timeouts describe(const Timeouts& timeouts);

control::ConnectionPage connection_page(const std::vector<relay::ConnectionInfo>& connections,
                                        const ListenKey* only, bool last);

/// Once per second: the rates of all services and servers.
void sample_rates(const Topology& topology, TimePoint now);

/// `pairadm -Z`, of everything or of the service that listens there and its servers; whether there
/// was any. The counters go on: only what is shown of them begins anew.
bool zero_counters(const Topology& topology, const ListenKey* only);

}  // namespace hapair::lbcore
