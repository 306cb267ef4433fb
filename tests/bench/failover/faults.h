// What can happen to the Active node, and what is measured of each.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "tests/bench/failover/pair.h"

namespace hapair::test::bench {

/// In ms.
struct Figure {
  double value = 0;
  std::optional<double> tcp = {};  // the same as connecting clients saw it
};

struct Fault {
  std::string_view name;
  std::string_view measure;  // what the figure is
  bool needs_lbcore = false;
  bool supervised = false;
  bool keepalived = true;  // whether there is the same fault there
  /// Breaks lb1 of a settled pair at a random phase and returns what was measured.
  std::function<Figure(Pair&, std::mt19937&)> trial;
};

std::span<const Fault> faults();

}  // namespace hapair::test::bench
