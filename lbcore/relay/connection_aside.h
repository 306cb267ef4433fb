// What few connections need, kept out of the many: a Connection has a pointer to it that is null as
// a rule.
#pragma once

#include <optional>
#include <string>

#include "common/address.h"
#include "lbcore/orphans/ends.h"
#include "lbcore/relay/connection.h"
#include "lbcore/relay/wait_queue.h"

namespace hapair::lbcore::relay {

struct Connection::Aside {
  std::string header;                     // pieces of the client's PROXY header
  std::optional<Endpoint> destination;    // what a PROXY header said the client connected to
  std::optional<WaitQueue::Place> place;  // while it is queued
  TimePoint wait_until{};
  std::optional<orphans::Ends> ends;  // told, when they are not what service and client say
};

}  // namespace hapair::lbcore::relay
