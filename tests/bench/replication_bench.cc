// What replication costs, between two nodes in one process over loopback, each with a loop thread
// of its own and real store, protocol and TLS; a worker thread makes the sessions.
//
//   latency     one session at a time: from put on one node until it is in the other node's table
//   throughput  as many sessions as the peer takes; CPU per session of both loop threads
//   snapshot    the peer comes up empty: until it has everything and both are synced
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "tests/unit/lbcore/replicate/two_replicators.h"

namespace hapair::lbcore::replicate::test {
namespace {

double thread_cpu_us() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

/// A node whose loop runs on a thread of its own.
class Running {
 public:
  Running(Logger& log, bool lower, uint16_t port)
      : node_(loop_, log, loopback_pair(lower, port), kKey),
        pool_(node_.registry.pool("web")),
        server_(node_.registry.server("web", backend(1))->id) {
    node_.active = lower;
  }
  ~Running() { stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void start() {
    thread_ = std::thread([this] {
      node_.start();
      while (!stopping_) {
        loop_.run_once();
        const size_t now_there = node_.store.size();
        if (now_there != size_) {
          size_ = now_there;
          changed_at_ = Clock::now();
        }
        synced_ = node_.replicator->synced();
        resyncs_ = node_.replicator->sync().resyncs();
        cpu_us_ = thread_cpu_us();
      }
      node_.stop();
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    loop_.post([this] { stopping_ = true; });
    thread_.join();
  }
  void put(uint32_t number) { node_.store.put(pool_, client(number), server_, Clock::now()); }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] TimePoint changed_at() const { return changed_at_; }
  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] uint64_t resyncs() const { return resyncs_; }
  [[nodiscard]] double cpu_us() const { return cpu_us_; }

 private:
  EventLoop loop_;
  ReplicatingNode node_;
  PoolId pool_;
  ServerId server_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> size_{0};
  std::atomic<TimePoint> changed_at_{};
  std::atomic<bool> synced_{false};
  std::atomic<uint64_t> resyncs_{0};
  std::atomic<double> cpu_us_{0};
};

/// Waits without disturbing what is measured much; false after a minute.
bool wait(const std::function<bool()>& done) {
  const TimePoint end = Clock::now() + 60s;
  while (!done()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(200us);
  }
  return true;
}

void latency(Running& from, Running& to) {
  constexpr uint32_t kCount = 2000;
  std::vector<double> us;
  for (uint32_t i = 0; i < kCount; ++i) {
    const size_t before = to.size();
    const TimePoint at = Clock::now();
    from.put(i);
    if (!wait([&] { return to.size() != before; })) return;
    us.push_back(std::chrono::duration<double, std::micro>(to.changed_at() - at).count());
    std::this_thread::sleep_for(500us);
  }
  std::sort(us.begin(), us.end());
  std::printf("latency     p50 %.0f us, p99 %.0f us, most %.0f us (%u sessions)\n", us[kCount / 2],
              us[kCount * 99 / 100], us.back(), kCount);
}

void throughput(Running& from, Running& to) {
  constexpr uint32_t kCount = 1'000'000;
  const size_t before = to.size();
  const double from_cpu = from.cpu_us();
  const double to_cpu = to.cpu_us();
  const TimePoint since = Clock::now();
  for (uint32_t i = 0; i < kCount; ++i) {
    from.put(100000 + i);
    while (before + i > to.size() + 30000) std::this_thread::sleep_for(50us);
  }
  if (!wait([&] { return to.size() == before + kCount; })) {
    std::printf("throughput  not there in a minute\n");
    return;
  }
  const double took = seconds(Clock::now() - since);
  std::printf(
      "throughput  %.0f sessions/s; CPU per session: sender %.2f us, receiver %.2f us; %llu "
      "resyncs\n",
      kCount / took, (from.cpu_us() - from_cpu) / kCount, (to.cpu_us() - to_cpu) / kCount,
      static_cast<unsigned long long>(from.resyncs()));
}

void snapshot(Logger& log) {
  constexpr uint32_t kCount = 1'000'000;
  const uint16_t port = free_port();
  Running full(log, true, port);
  for (uint32_t i = 0; i < kCount; ++i) full.put(i);
  Running empty(log, false, port);
  empty.start();
  full.start();
  if (!wait([&] { return empty.size() > 0; })) return;
  const TimePoint since = Clock::now();
  if (!wait([&] { return empty.size() == kCount && empty.synced() && full.synced(); })) return;
  std::printf("snapshot    %u sessions in %.2f s; CPU: sender %.2f s, receiver %.2f s\n", kCount,
              seconds(Clock::now() - since), full.cpu_us() / 1e6, empty.cpu_us() / 1e6);
}

int run() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Logger log("bench");
  {
    const uint16_t port = free_port();
    Running lb1(log, true, port);
    Running lb2(log, false, port);
    lb2.start();
    lb1.start();
    if (!wait([&] { return lb1.synced() && lb2.synced(); })) return 1;
    latency(lb1, lb2);
    throughput(lb1, lb2);
  }
  snapshot(log);
  return 0;
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test

int main() {
  return hapair::lbcore::replicate::test::run();
}
