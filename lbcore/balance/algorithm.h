// The names of the schedulers, as ipvsadm and the configuration file spell them.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/result.h"

namespace hapair::lbcore::balance {

enum class Algorithm : uint8_t {
  rr,      // round robin
  wrr,     // smooth weighted round robin
  lc,      // least connections
  wlc,     // weighted least connections
  sed,     // shortest expected delay
  nq,      // never queue: who is idle, else as sed
  random,  // by weight
  p2c,     // power of two choices: the less loaded of two random ones
  lrt,     // least response time
  lbw,     // least bandwidth
  sh,      // source hash
  mh,      // consistent hash of the source (Maglev)
  fo,      // failover: the highest weight
  ovf,     // overflow: the highest weight that is not full
};

std::string_view name(Algorithm algorithm);
/// Needs Query::source_hash.
constexpr bool looks_at_source(Algorithm algorithm) {
  return algorithm == Algorithm::sh || algorithm == Algorithm::mh;
}
/// The error names the valid ones, and for a scheduler that only the kernel has, what comes
/// nearest.
Result<Algorithm> parse_algorithm(std::string_view text);

}  // namespace hapair::lbcore::balance
