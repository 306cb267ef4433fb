#include "tests/bench/replication/trials.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "tests/bench/relay/cost.h"
#include "tests/bench/relay/meter.h"
#include "tests/bench/replication/haproxy.h"
#include "tests/bench/replication/lab.h"
#include "tests/bench/replication/node.h"
#include "tests/bench/replication/real_node.h"

namespace hapair::test::bench {

namespace {

constexpr uint32_t kSamples = 1000;
constexpr uint32_t kMillion = 1'000'000;

struct OwnPair {
  explicit OwnPair(Logger& log) : lb1(log, nodes.a, true, true), lb2(log, nodes.b, false, false) {
    lb2.start();
    lb1.start();
    await("synced", [&] { return lb1.synced() && lb2.synced(); });
  }
  TwoNodes nodes;
  OwnNode lb1;
  OwnNode lb2;
};

struct HaproxyPair {
  HaproxyPair() {
    a.set(kMillion);
    await("haproxy's peers connect", [&] { return b.has(kMillion); });
  }
  TwoNodes nodes;
  Haproxy a{nodes.a, "A"};
  Haproxy b{nodes.b, "B"};
};

/// `restarted` is "lb1", which connects, or "lb2", which waits for the other one to.
void resync(Logger& log, std::string_view restarted, const Note& note) {
  TwoNodes nodes;
  const bool lb1_restarts = restarted == "lb1";
  RealNode full(lb1_restarts ? nodes.b : nodes.a, lb1_restarts ? "lb2" : "lb1", {});
  {
    OwnNode filler(log, lb1_restarts ? nodes.a : nodes.b, lb1_restarts, true);
    filler.start();
    full.wait_synced();
    const uint64_t before = resident_bytes({full.pid()});
    for (uint32_t i = 0; i < kMillion; ++i) {
      filler.put(i);
      // Less than what the store lists at most, so that nothing overflows.
      if (i % 20'000 == 0) std::this_thread::sleep_for(20ms);
    }
    std::this_thread::sleep_for(2s);
    await("the million", [&] { return filler.synced(); });
    if (lb1_restarts) {
      note("memory", static_cast<double>(resident_bytes({full.pid()}) - before) / kMillion);
    }
  }
  const TimePoint since = Clock::now();
  RealNode empty(lb1_restarts ? nodes.a : nodes.b, restarted, {});
  empty.wait_synced();
  note(lb1_restarts ? "resync" : "resync (listens)", seconds(Clock::now() - since));
}

}  // namespace

void own_latency(Logger& log, const Note& note) {
  OwnPair pair(log);
  std::vector<double> values;
  for (uint32_t i = 0; i < kSamples; ++i) {
    const size_t before = pair.lb2.size();
    const TimePoint at = Clock::now();
    pair.lb1.put(i);
    await("one session", [&] { return pair.lb2.size() != before; });
    values.push_back(us(pair.lb2.history().back().at - at));
    std::this_thread::sleep_for(500us);
  }
  note_spread(note, "latency", std::move(values));
  note("latency sender", pair.lb1.cpu_us() / kSamples);
  note("latency receiver", pair.lb2.cpu_us() / kSamples);
}

void haproxy_latency(Logger&, const Note& note) {
  HaproxyPair pair;
  std::vector<double> values;
  std::vector<double> polls;
  for (uint32_t i = 0; i < kSamples; ++i) {
    TimePoint at = Clock::now();
    (void)pair.b.has(i);
    polls.push_back(us(Clock::now() - at));
    at = Clock::now();
    pair.a.set(i);
    while (!pair.b.has(i)) {
      if (Clock::now() - at > 10s) throw std::runtime_error("haproxy's session does not come");
    }
    values.push_back(us(Clock::now() - at));
    std::this_thread::sleep_for(500us);
  }
  note_spread(note, "latency", std::move(values));
  note_spread(note, "a command of it", std::move(polls));
}

void own_busy(Logger& log, const Note& note) {
  constexpr uint32_t kPerSecond = 50'000;
  constexpr Duration kStep = Duration(1s) / kPerSecond;
  constexpr uint32_t kAtOnce = 5;
  OwnPair pair(log);
  std::vector<TimePoint> made;
  const double from = pair.lb1.cpu_us();
  const double to = pair.lb2.cpu_us();
  const TimePoint start = Clock::now();
  while (made.size() < 2 * kPerSecond) {
    for (uint32_t i = 0; i < kAtOnce; ++i) {
      made.push_back(Clock::now());
      pair.lb1.put(static_cast<uint32_t>(made.size()));
    }
    std::this_thread::sleep_until(start + made.size() * kStep);
  }
  const double took = seconds(Clock::now() - start);
  await("all", [&] { return pair.lb2.size() == made.size(); });
  std::vector<double> values;
  size_t at = 0;
  for (const auto& seen : pair.lb2.history()) {
    for (; at < std::min(seen.size, made.size()); ++at) values.push_back(us(seen.at - made[at]));
  }
  note("busy rate", static_cast<double>(made.size()) / took);
  note_spread(note, "busy", std::move(values));
  note("busy sender", (pair.lb1.cpu_us() - from) / static_cast<double>(made.size()));
  note("busy receiver", (pair.lb2.cpu_us() - to) / static_cast<double>(made.size()));
}

void own_rate(Logger& log, const Note& note) {
  OwnPair pair(log);
  const double from = pair.lb1.cpu_us();
  const double to = pair.lb2.cpu_us();
  const TimePoint since = Clock::now();
  for (uint32_t i = 0; i < kMillion; ++i) {
    pair.lb1.put(i);
    while (i > pair.lb2.size() + 30'000) std::this_thread::sleep_for(50us);
  }
  await("the million", [&] { return pair.lb2.size() == kMillion; });
  note("rate", kMillion / seconds(Clock::now() - since));
  note("sender", (pair.lb1.cpu_us() - from) / kMillion);
  note("receiver", (pair.lb2.cpu_us() - to) / kMillion);
  note("resyncs", static_cast<double>(pair.lb1.resyncs()));
}

void haproxy_rate(Logger&, const Note& note) {
  constexpr uint32_t kCount = 300'000;
  HaproxyPair pair;
  ProcessorTime sender({pair.a.pid()});
  ProcessorTime receiver({pair.b.pid()});
  const TimePoint since = Clock::now();
  sender.begin();
  receiver.begin();
  pair.a.fill(0, kCount);
  await("all", [&] { return pair.b.size() >= kCount; });
  const double took = seconds(Clock::now() - since);
  sender.end();
  receiver.end();
  note("rate", kCount / took);
  note("sender", us(sender.spent()) / kCount);
  note("receiver", us(receiver.spent()) / kCount);
}

void own_resync(Logger& log, const Note& note) {
  resync(log, "lb1", note);
  resync(log, "lb2", note);
}

void haproxy_resync(Logger&, const Note& note) {
  TwoNodes nodes;
  Haproxy a(nodes.a, "A");
  const uint64_t before = resident_bytes({a.pid()});
  a.fill(0, kMillion);
  note("memory", static_cast<double>(resident_bytes({a.pid()}) - before) / kMillion);
  const TimePoint since = Clock::now();
  Haproxy b(nodes.b, "B");
  await("the million", [&] { return b.size() >= kMillion; });
  note("resync", seconds(Clock::now() - since));
}

void own_contention(Logger& log, const Note& note) {
  constexpr uint32_t kKnown = 100'000;
  TwoNodes nodes;
  OwnNode full(log, nodes.a, true, true);
  OwnNode empty(log, nodes.b, false, false);
  for (uint32_t i = 0; i < kMillion; ++i) full.put(i);

  // Of each node: a worker that looks at its table every 50 us.
  struct Worker {
    std::vector<double> values;
    std::thread thread;
  };
  std::atomic<bool> stopping = false;
  const auto work = [&](OwnNode& node, Worker& worker) {
    worker.thread = std::thread([&node, &worker, &stopping] {
      for (uint32_t i = 0; !stopping; i = (i + 7919) % kKnown) {
        const TimePoint at = Clock::now();
        node.look(i);
        worker.values.push_back(us(Clock::now() - at));
        std::this_thread::sleep_for(50us);
      }
    });
  };
  const auto both = [&](const std::string& name, const std::function<void()>& meanwhile) {
    Worker reads;
    Worker merges;
    stopping = false;
    work(full, reads);
    work(empty, merges);
    meanwhile();
    stopping = true;
    reads.thread.join();
    merges.thread.join();
    note_spread(note, name + " sender", std::move(reads.values));
    note_spread(note, name + " receiver", std::move(merges.values));
  };
  both("look alone", [] { std::this_thread::sleep_for(500ms); });
  both("look resync", [&] {
    empty.start();
    full.start();
    await("synced", [&] { return empty.size() == kMillion && empty.synced(); });
  });
}

}  // namespace hapair::test::bench
