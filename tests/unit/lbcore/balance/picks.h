// Shorthand for scheduler tests: candidates from weights, and sequences of picks as letters.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

inline std::vector<Candidate> usable(std::initializer_list<uint32_t> weights) {
  std::vector<Candidate> out;
  for (const uint32_t weight : weights) {
    out.push_back({.weight = weight, .active = 0, .usable = true, .token = out.size() + 1});
  }
  return out;
}

/// "aabac": server 0 is a; '-' when nothing is picked.
inline std::string picks(Scheduler& scheduler, const std::vector<Candidate>& candidates,
                         int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto index = scheduler.pick(candidates, 0);
    out += index ? static_cast<char>('a' + static_cast<char>(*index)) : '-';
  }
  return out;
}

}  // namespace hapair::lbcore::balance
