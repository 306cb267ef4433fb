// The two ends of a TCP connection that this node has open: with its protocol they are the
// five-tuple by which a kernel knows it.
#pragma once

#include "common/address.h"

namespace hapair::lbcore::orphans {

struct Ends {
  Endpoint ours;  // what floats: the VIP and the service's port, or [pool] source and a port
  Endpoint theirs;

  friend bool operator==(const Ends&, const Ends&) = default;
};

struct Change {
  Ends ends;
  bool open = false;  // else: it is over
};

}  // namespace hapair::lbcore::orphans
