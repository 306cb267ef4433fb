// Schedulers: time per pick among 4, 16 and 64 servers.

#include <vector>

#include <benchmark/benchmark.h>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {
namespace {

void pick(benchmark::State& state, Algorithm algorithm) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < static_cast<uint32_t>(state.range(0)); ++i) {
    candidates.push_back(
        {.weight = 1 + i % 5, .active = 0, .usable = true, .token = uint64_t{i} * 7919});
  }
  const auto scheduler = make_scheduler(algorithm);
  uint64_t source = 0;
  for (auto _ : state) {
    const auto index = scheduler->pick(candidates, ++source);
    ++candidates[*index].active;
  }
}
BENCHMARK_CAPTURE(pick, rr, Algorithm::rr)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK_CAPTURE(pick, wrr, Algorithm::wrr)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK_CAPTURE(pick, lc, Algorithm::lc)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK_CAPTURE(pick, wlc, Algorithm::wlc)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK_CAPTURE(pick, sh, Algorithm::sh)->Arg(4)->Arg(16)->Arg(64);

}  // namespace
}  // namespace hapair::lbcore::balance
