// What few connections need, kept out of the many: a Connection has a pointer to it that is null as
// a rule.
#pragma once

#include <optional>
#include <string>

#include "common/address.h"
#include "lbcore/relay/connection.h"

namespace hapair::lbcore::relay {

struct Connection::Aside {
  std::string header;                   // pieces of the client's PROXY header
  std::optional<Endpoint> destination;  // what a PROXY header said the client connected to
};

}  // namespace hapair::lbcore::relay
