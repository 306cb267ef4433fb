// A handover as the relay sees it: which connections leave this node, and what became of them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/address.h"
#include "lbcore/model/spec_diff.h"

namespace hapair::lbcore::relay {

/// Whether a connection of this service leaves the node, given the address that its client is
/// connected to. Called on the workers' threads, several at a time.
using Leaves = std::function<bool(const ListenKey& service, const IpAddress& vip)>;

struct Departure {
  Leaves leaves;
  std::set<IpAddress> here;  // this node's addresses: what is still among them does not move
};

/// Connections that leave: those that can go on elsewhere, and why the others cannot.
struct Frozen {
  std::vector<std::string> images;  // handover::encode()
  size_t moving = 0;                // as many
  std::map<std::string, size_t> left;
};

struct Restored {
  size_t restored = 0;
  std::vector<std::string> failures;  // one sentence each
};

}  // namespace hapair::lbcore::relay
