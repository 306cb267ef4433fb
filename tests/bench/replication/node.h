// A node of ours inside this process: real store, protocol, link and TLS under a loop thread of its
// own in a namespace, so that sessions can be made, and be seen, to the microsecond. What is
// missing of lbcore is what replication has nothing to do with.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tests/support/namespace.h"
#include "tests/unit/lbcore/replicate/two_replicators.h"

namespace hapair::test::bench {

/// "lb1 10.255.0.1:7400" and "lb2 10.255.0.2:7400"; `key_file` is not read.
config::Pair bench_pair(bool lower);
inline constexpr PairKey kBenchKey{1, 2, 3, 4, 5};

class OwnNode {
 public:
  /// The node with the lower address connects.
  OwnNode(Logger& log, const Namespace& in, bool lower, bool active);
  ~OwnNode() { stop(); }
  OwnNode(const OwnNode&) = delete;
  OwnNode& operator=(const OwnNode&) = delete;

  void start();
  void stop();
  /// From any thread, as a worker does. `number` is the client's.
  void put(uint32_t number);
  void look(uint32_t number);

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] uint64_t resyncs() const { return resyncs_; }
  [[nodiscard]] double cpu_us() const { return cpu_us_; }

  /// How many sessions there were, and since when: one per turn of the loop that brought some.
  struct Seen {
    size_t size = 0;
    TimePoint at;
  };
  [[nodiscard]] std::vector<Seen> history() const;
  /// Only while nothing is ever removed: when each client's session was there.
  [[nodiscard]] std::unordered_map<IpAddress, TimePoint> clients() const;

 private:
  void note();

  EventLoop loop_;
  lbcore::replicate::test::ReplicatingNode node_;
  const Namespace& in_;
  lbcore::PoolId pool_;
  lbcore::ServerId server_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> size_{0};
  std::atomic<bool> synced_{false};
  std::atomic<uint64_t> resyncs_{0};
  std::atomic<double> cpu_us_{0};
  mutable std::mutex mutex_;  // guards history_
  std::vector<Seen> history_;
};

}  // namespace hapair::test::bench
