// For the schedulers that hash: which server each of many clients gets.
#pragma once

#include <cstdint>
#include <vector>

#include "lbcore/balance/scheduler.h"
#include "lbcore/model/server_token.h"

namespace hapair::lbcore::balance {

/// At 10.0.0.1:8080, 10.0.0.2:8080, ...
inline std::vector<Candidate> servers(const std::vector<uint32_t>& weights) {
  std::vector<Candidate> out;
  for (const uint32_t weight : weights) {
    const Endpoint address{IpAddress::v4(0x0a000001 + static_cast<uint32_t>(out.size())), 8080};
    out.push_back({.weight = weight, .usable = true, .token = server_token(address)});
  }
  return out;
}

/// The token of the chosen server for every client. Clients are consecutive numbers: the worst
/// input for a weak hash.
inline std::vector<uint64_t> assignments(Algorithm algorithm, uint64_t clients,
                                         const std::vector<Candidate>& candidates) {
  const auto scheduler = make_scheduler(algorithm);
  scheduler->update(candidates);
  std::vector<uint64_t> out;
  for (uint64_t client = 0; client < clients; ++client) {
    out.push_back(candidates[scheduler->pick({.source_hash = client}).value()].token);
  }
  return out;
}

}  // namespace hapair::lbcore::balance
