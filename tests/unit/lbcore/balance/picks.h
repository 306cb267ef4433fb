// Shorthand for scheduler tests: servers with a load of their own, and sequences of picks as
// letters.
#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

struct TestServer {
  uint32_t weight = 1;
  bool usable = true;
  uint16_t ramp = Candidate::kWhole;
  uint32_t limit = 0;
  std::atomic<uint32_t> active{0};
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  ResponseTime connect = {};
  ResponseTime first_byte = {};
};

class Servers : public std::deque<TestServer> {
 public:
  using std::deque<TestServer>::deque;
  [[nodiscard]] std::vector<Candidate> candidates() const {
    std::vector<Candidate> out;
    for (const TestServer& each : *this) {
      out.push_back({.weight = each.weight,
                     .ramp = each.ramp,
                     .usable = each.usable,
                     .limit = each.limit,
                     .token = out.size() + 1,
                     .load = {.active = &each.active,
                              .bytes_in = &each.bytes_in,
                              .bytes_out = &each.bytes_out,
                              .connect = &each.connect,
                              .first_byte = &each.first_byte}});
    }
    return out;
  }
};

inline Servers usable(std::initializer_list<uint32_t> weights) {
  Servers out;
  for (const uint32_t weight : weights) out.emplace_back().weight = weight;
  return out;
}

/// One pick, after telling the scheduler how the servers are.
inline std::optional<size_t> pick(Scheduler& scheduler, const Servers& servers,
                                  const Query& query = {}) {
  scheduler.update(servers.candidates());
  return scheduler.pick(query);
}

/// "aabac": server 0 is a; '-' when nothing is picked.
inline std::string picks(Scheduler& scheduler, const Servers& servers, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto index = pick(scheduler, servers);
    out += index ? static_cast<char>('a' + static_cast<char>(*index)) : '-';
  }
  return out;
}

}  // namespace hapair::lbcore::balance
