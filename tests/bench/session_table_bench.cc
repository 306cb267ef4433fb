// Sessions: time per call and bytes per entry, at sizes from a thousand to a million, with clients
// in random order (each call meets a cold entry, as real clients do) and through the store with its
// locks.

#include <algorithm>
#include <ctime>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "lbcore/sticky/session_store.h"
#include "lbcore/sticky/session_table.h"

namespace hapair::lbcore::sticky {
namespace {

constexpr TimePoint kNow{};

/// 0 .. count-1 in random order, the same in every run.
std::vector<IpAddress> clients(size_t count) {
  std::vector<IpAddress> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    out.push_back(IpAddress::v4(0x0a000000 + static_cast<uint32_t>(i)));
  }
  std::shuffle(out.begin(), out.end(), std::mt19937(1));
  return out;
}

std::shared_ptr<LiveServer> server(ServerId id) {
  return std::make_shared<LiveServer>(id, "web", Endpoint{IpAddress::v4(0xc0a80001 + id), 80});
}

std::unique_ptr<SessionTable> full_table(const std::vector<IpAddress>& keys) {
  auto table = std::make_unique<SessionTable>(SessionTable::Limits{});
  for (ServerId id = 0; id < 4; ++id) table->introduce(server(id));
  for (size_t i = 0; i < keys.size(); ++i) table->put(keys[i], i % 4, kNow);
  return table;
}

void use(benchmark::State& state) {
  auto keys = clients(static_cast<size_t>(state.range(0)));
  const auto table = full_table(keys);
  std::shuffle(keys.begin(), keys.end(), std::mt19937(2));
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table->use(keys[i], kNow));
    if (++i == keys.size()) i = 0;
  }
  state.counters["bytes_per_session"] =
      static_cast<double>(table->memory_bytes()) / static_cast<double>(table->size());
}
BENCHMARK(use)->Arg(1'000)->Arg(100'000)->Arg(1 << 20);

void use_unknown(benchmark::State& state) {
  const auto table = full_table(clients(static_cast<size_t>(state.range(0))));
  uint32_t other = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table->use(IpAddress::v4(0xc0000000 + ++other), kNow));
  }
}
BENCHMARK(use_unknown)->Arg(1'000)->Arg(1 << 20);

/// A million new clients into an empty table: entries, index and digest grow.
void put_new(benchmark::State& state) {
  const auto keys = clients(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    auto table = full_table(keys);
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(put_new)->Arg(1'000)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

/// CPU time of this thread: on a busy machine the clock on the wall counts the others as well.
std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// The slowest single call while it grows: what a client may have to wait for.
void put_new_worst(benchmark::State& state) {
  const auto keys = clients(size_t{1} << 20);
  std::chrono::nanoseconds worst{0};
  for (auto _ : state) {
    SessionTable table(SessionTable::Limits{});
    table.introduce(server(0));
    for (const IpAddress& key : keys) {
      const auto begin = cpu_time();
      table.put(key, 0, kNow);
      worst = std::max(worst, cpu_time() - begin);
    }
  }
  state.counters["worst_us"] = std::chrono::duration<double, std::micro>(worst).count();
}
BENCHMARK(put_new_worst)->Unit(benchmark::kMillisecond)->Iterations(3);

/// A full table under a flood of new clients: every put evicts.
void put_evicting(benchmark::State& state) {
  const auto table = full_table(clients(size_t{1} << 20));
  uint32_t other = 0;
  for (auto _ : state) {
    ++other;
    benchmark::DoNotOptimize(table->put(IpAddress::v4(0xc0000000 + other), other % 4, kNow));
  }
}
BENCHMARK(put_evicting);

void expire(benchmark::State& state) {
  const auto keys = clients(size_t{1} << 20);
  size_t removed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto table = full_table(keys);
    state.ResumeTiming();
    while (table->size() > 0) removed += table->expire(kNow + 1h, 512).size();
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(removed));
}
BENCHMARK(expire)->Unit(benchmark::kMillisecond)->Iterations(3);

void walk(benchmark::State& state) {
  const auto table = full_table(clients(size_t{1} << 20));
  size_t seen = 0;
  std::vector<Session> slice;
  for (auto _ : state) {
    for (std::optional<size_t> cursor = 0; cursor;) {
      slice.clear();
      cursor = table->walk(*cursor, 1024, kNow, slice);
      seen += slice.size();
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(seen));
}
BENCHMARK(walk)->Unit(benchmark::kMillisecond);

struct Shared {
  Shared() {
    auto pool = std::make_shared<Pool>();
    pool->spec.sticky.timeout = 10min;
    for (ServerId id = 0; id < 4; ++id) pool->servers.push_back({{}, server(id)});
    Topology topology;
    topology.pools = {pool};
    store.configure(topology, kNow);
    for (size_t i = 0; i < keys.size(); ++i) store.put(0, keys[i], i % 4, kNow);
    store.take_changes();
  }
  std::vector<IpAddress> keys = clients(size_t{1} << 20);
  SessionStore store{[](ServerId) { return nullptr; }, size_t{1} << 20, [] {}};
};

/// What a worker pays per connection of a known client, alone and beside another worker.
void store_use(benchmark::State& state) {
  static Shared shared;
  size_t i = static_cast<size_t>(state.thread_index()) * 524'287;
  for (auto _ : state) {
    benchmark::DoNotOptimize(shared.store.use(0, shared.keys[i & 0xfffff], kNow));
    ++i;
  }
}
BENCHMARK(store_use)->Threads(1)->Threads(2)->UseRealTime();

/// Changes taken and merged by the peer, coalesced: entries per second of the main thread.
void take_and_merge(benchmark::State& state) {
  static Shared ours;
  static Shared theirs;
  uint32_t round = 0;
  int64_t changes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ++round;
    for (size_t i = 0; i < 10'000; ++i) ours.store.put(0, ours.keys[i], (i + round) % 4, kNow);
    state.ResumeTiming();
    const auto taken = ours.store.take_changes_and_digests();
    for (const SessionChange& change : taken.list) theirs.store.merge(change, kNow, false);
    changes += static_cast<int64_t>(taken.list.size());
  }
  state.SetItemsProcessed(changes);
}
BENCHMARK(take_and_merge)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hapair::lbcore::sticky
