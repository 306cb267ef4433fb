// The names of the schedulers, as ipvsadm and the configuration file spell them.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/result.h"

namespace hapair::lbcore::balance {

enum class Algorithm : uint8_t {
  rr,   // round robin
  wrr,  // smooth weighted round robin
  lc,   // least connections
  wlc,  // weighted least connections
  sh,   // source hash
};

std::string_view name(Algorithm algorithm);
/// The error names the valid ones.
Result<Algorithm> parse_algorithm(std::string_view text);

}  // namespace hapair::lbcore::balance
