// Whether a new client may come in at all: the limits of its service. Pure but for the shared
// counts, which all workers have in common: no limit is ever exceeded, however many workers there
// are.
#pragma once

#include <optional>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::relay {

/// Counts one more connection of the service; or says why not, and counts nothing.
std::optional<Refusal> admit(const Service& service, TimePoint now);

/// The same for the client's address. `counted`: give it back (SourceTable) when it is over.
std::optional<Refusal> admit_source(const Service& service, const IpAddress& client, TimePoint now,
                                    bool& counted);

}  // namespace hapair::lbcore::relay
