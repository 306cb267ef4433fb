// What a command of pairadm makes of a Spec. Pure: the edited Spec comes back whole, or an error
// that changes nothing; Balancer::apply then takes it through the same door as a reload (DESIGN
// flow d). Called by ControlApi.
//
// How IPVS's table maps onto services and pools:
//   - a service is found by protocol and listen address, whoever made it
//   - `-A -t VIP:port` makes the service `tcp-VIP:port` with a pool of its own of the same name
//   - editing a service, or its servers, edits its pool; every service that shares the pool sees
//   that, and the
//     operator is told so
//   - a pool goes with the last service that uses it
//   - an edit changes what is named and keeps the rest; every touched service counts as changed at
//   run time
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "common/schema/control.pb.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

struct EditError {
  control::Code code = control::INVALID;
  std::string message;  // names the thing and the reason
};

struct Edited {
  Spec spec;
  std::string summary;  // for the log: "add service TCP 192.0.2.10:80"
  std::string note;     // what the operator may not expect, or empty
};

/// `request` is one of the edits (add, edit or delete of a service or server, clear, the default
/// timeouts); anything else is INVALID.
tl::expected<Edited, EditError> edit(const Spec& spec, const control::Request& request);

/// The name of the service that `-A` makes, and of its pool: "tcp-192.0.2.10:80".
std::string runtime_name(Protocol protocol, const Endpoint& listen);

}  // namespace hapair::lbcore
