// Schedulers: time per pick among 2 to 1000 servers, alone and through the dispatcher's list of
// candidates (PoolScheduler), and what telling them of a change costs.

#include <deque>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "lbcore/balance/scheduler.h"
#include "lbcore/relay/pool_scheduler.h"

namespace hapair::lbcore::balance {
namespace {

struct Gauges {
  std::atomic<uint32_t> active{0};
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  ResponseTime connect;
  ResponseTime first_byte;
  char elsewhere[512];  // as far apart as those of real servers
};

struct Setting {
  explicit Setting(size_t servers) : gauges(servers) {
    for (size_t i = 0; i < servers; ++i) {
      Gauges& each = gauges[i];
      each.connect.sample(std::chrono::microseconds(200 + i), TimePoint(1h));
      candidates.push_back({.weight = static_cast<uint32_t>(1 + i % 5),
                            .usable = true,
                            .token = uint64_t{i} * 7919,
                            .load = {.active = &each.active,
                                     .bytes_in = &each.bytes_in,
                                     .bytes_out = &each.bytes_out,
                                     .connect = &each.connect,
                                     .first_byte = &each.first_byte}});
    }
  }
  std::deque<Gauges> gauges;
  std::vector<Candidate> candidates;
};

/// Connections come and go: each server has a few.
void pick(benchmark::State& state, Algorithm algorithm) {
  Setting setting(static_cast<size_t>(state.range(0)));
  for (Candidate& each : setting.candidates) each.limit = ~0U;
  const auto scheduler = make_scheduler(algorithm);
  scheduler->update(setting.candidates);
  Query query{.now = TimePoint(1h)};
  std::vector<size_t> open(setting.candidates.size() * 4);
  for (size_t& index : open) ++setting.gauges[index = *scheduler->pick(query)].active;
  size_t oldest = 0;
  for (auto _ : state) {
    ++query.source_hash;
    const size_t index = *scheduler->pick(query);
    ++setting.gauges[index].active;
    --setting.gauges[std::exchange(open[oldest], index)].active;
    if (++oldest == open.size()) oldest = 0;
  }
}

/// A server went down or up.
void update(benchmark::State& state, Algorithm algorithm) {
  Setting setting(static_cast<size_t>(state.range(0)));
  const auto scheduler = make_scheduler(algorithm);
  for (auto _ : state) {
    setting.candidates[0].usable = !setting.candidates[0].usable;
    scheduler->update(setting.candidates);
  }
}

/// A server left the pool: mh builds its table.
void rebuild(benchmark::State& state, Algorithm algorithm) {
  Setting setting(static_cast<size_t>(state.range(0)));
  const auto scheduler = make_scheduler(algorithm);
  for (auto _ : state) {
    setting.candidates[0].weight ^= 2;
    scheduler->update(setting.candidates);
  }
}

/// As a connection meets it.
void pool(benchmark::State& state, Algorithm algorithm) {
  Spec spec;
  PoolSpec& pool = spec.pools.emplace_back();
  pool.name = "web";
  pool.scheduler = algorithm;
  for (uint32_t i = 0; i < static_cast<uint32_t>(state.range(0)); ++i) {
    const Endpoint address{IpAddress::v4(0x0a000001 + i), 80};
    pool.servers.push_back({.name = address.to_string(), .address = address});
  }
  Registry registry;
  const auto topology = registry.build(spec);
  for (const Server& each : topology->pools[0]->servers) each.live->up = true;
  relay::PoolScheduler scheduler(0);
  scheduler.update(topology->pools[0]);
  uint64_t source = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(scheduler.pick(++source, {}, TimePoint(1h)));
  }
}

#define EACH(what, name) \
  BENCHMARK_CAPTURE(what, name, Algorithm::name)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)
EACH(pick, rr);
EACH(pick, wrr);
EACH(pick, lc);
EACH(pick, wlc);
EACH(pick, sed);
EACH(pick, nq);
EACH(pick, random);
EACH(pick, p2c);
EACH(pick, lrt);
EACH(pick, lbw);
EACH(pick, sh);
EACH(pick, mh);
EACH(pick, fo);
EACH(pick, ovf);
EACH(pool, rr);
EACH(pool, wlc);
EACH(pool, p2c);
EACH(update, wlc);
EACH(update, mh);
EACH(rebuild, mh);
#undef EACH

}  // namespace
}  // namespace hapair::lbcore::balance
