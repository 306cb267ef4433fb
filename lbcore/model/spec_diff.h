// What a change from one Spec to another means: the listeners that come and go, and a line for the
// operator's log for each thing that changed. Pure. Called by Balancer::apply.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lbcore/model/spec.h"

namespace hapair::lbcore {

using ListenKey = std::pair<Protocol, Endpoint>;

struct SpecDiff {
  std::vector<ListenKey> opened;   // addresses that only the new Spec listens on
  std::vector<ListenKey> closed;   // addresses that only the old one did
  std::vector<std::string> lines;  // "server web/a: weight 1 -> 3"

  [[nodiscard]] bool empty() const { return lines.empty(); }
};

SpecDiff diff(const Spec& before, const Spec& after);

}  // namespace hapair::lbcore
