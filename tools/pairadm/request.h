// What the verbs that edit have in common: the service, the server and their options out of an
// Invocation. Pure.
#pragma once

#include "common/result.h"
#include "common/schema/control.pb.h"
#include "tools/pairadm/options.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

/// Whether a service is named at all.
bool names_service(const Invocation&);
/// -t ADDRESS:PORT.
Result<control::ServiceKey> service_key(const Invocation&, const Names&);
/// -t and -r; without a port -r copies the service's.
Result<control::ServerKey> server_key(const Invocation&, const Names&);
/// -t with -s, -p and -M. `editing`: -p 0 turns sticky sessions off.
Result<control::ServiceEdit> service_edit(const Invocation&, const Names&, bool editing);
/// -t and -r with -w and the forwarding methods, which lbcore judges.
Result<control::ServerEdit> server_edit(const Invocation&, const Names&);

}  // namespace hapair::pairadm
