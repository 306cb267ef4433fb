// The PROXY header with which a check introduces itself to a server that takes no connection
// without one. Pure. It speaks for this node and for no client: version 2 has the command LOCAL for
// that; version 1 names the check's own connection, for servers that do not take UNKNOWN
// (HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2).
#pragma once

#include <string>

#include "common/address.h"
#include "lbcore/model/relay_spec.h"

namespace hapair::lbcore::health {

/// `own` and `server`: the two ends of the connection. Nothing for ProxyProtocol::none.
std::string proxy_greeting(ProxyProtocol version, const Endpoint& own, const Endpoint& server);

}  // namespace hapair::lbcore::health
