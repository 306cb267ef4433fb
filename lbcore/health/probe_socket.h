// Sockets of probes: opened to a server from the source that the check names, and what an errno of
// theirs says about whom.
#pragma once

#include <string>

#include "common/address.h"
#include "common/unique_fd.h"
#include "lbcore/health/check_spec.h"
#include "lbcore/health/probe_result.h"

namespace hapair::lbcore::health {

/// Where the probe goes: the server, at the check's port if it names one.
Endpoint probe_address(const Endpoint& server, const CheckSpec& spec);

/// Begins to connect a non-blocking socket of `type` (SOCK_STREAM, SOCK_DGRAM, ...).
struct Opening {
  UniqueFd fd;
  int error = 0;         // 0: connected; EINPROGRESS: wait until it is writable
  std::string own = {};  // our own trouble, named: nothing is known of the server
};
Opening open_probe_socket(const Endpoint& to, const CheckSpec& spec, int type, int protocol = 0);

/// This machine lacks something that has nothing to do with the server.
bool is_environment(int error, const Endpoint& server);

/// "Connection refused"
std::string reason(int error);

}  // namespace hapair::lbcore::health
