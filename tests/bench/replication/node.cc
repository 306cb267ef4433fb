#include "tests/bench/replication/node.h"

#include <algorithm>
#include <ctime>

namespace hapair::test::bench {

namespace {

double thread_cpu_us() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

}  // namespace

config::Pair bench_pair(bool lower) {
  const Endpoint lb1{IpAddress::v4(0x0aff0001U), 7400};
  const Endpoint lb2{IpAddress::v4(0x0aff0002U), 7400};
  return lower ? config::Pair{"lb1", "lb2", lb1, lb2, ""}
               : config::Pair{"lb2", "lb1", lb2, lb1, ""};
}

OwnNode::OwnNode(Logger& log, const Namespace& in, bool lower, bool active)
    : node_(loop_, log, bench_pair(lower), kBenchKey),
      in_(in),
      pool_(node_.registry.pool("web")),
      server_(node_.registry.server("web", lbcore::replicate::test::backend(1))->id) {
  node_.active = active;
}

void OwnNode::start() {
  thread_ = std::thread([this] {
    in_.enter();
    node_.start();
    while (!stopping_) {
      loop_.run_once();
      note();
    }
    node_.stop();
  });
}

void OwnNode::note() {
  const size_t now_there = node_.store.size();
  if (now_there != size_) {
    const std::lock_guard lock(mutex_);
    history_.push_back({now_there, Clock::now()});
    size_ = now_there;
  }
  synced_ = node_.replicator->synced();
  resyncs_ = node_.replicator->sync().resyncs();
  cpu_us_ = thread_cpu_us();
}

void OwnNode::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { stopping_ = true; });
  thread_.join();
}

void OwnNode::put(uint32_t number) {
  node_.store.put(pool_, lbcore::replicate::test::client(number), server_, Clock::now());
}

void OwnNode::look(uint32_t number) {
  (void)node_.store.use(pool_, lbcore::replicate::test::client(number), Clock::now());
}

std::vector<OwnNode::Seen> OwnNode::history() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

std::unordered_map<IpAddress, TimePoint> OwnNode::clients() const {
  // Entries lie in the order in which they came.
  std::vector<lbcore::sticky::Session> all;
  for (std::optional<size_t> cursor = 0; cursor;) {
    cursor = node_.store.walk(pool_, *cursor, 1024, Clock::now(), all);
  }
  const auto seen = history();
  std::unordered_map<IpAddress, TimePoint> out;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto there =
        std::ranges::upper_bound(seen, i, {}, [](const Seen& each) { return each.size; });
    if (there != seen.end()) out.emplace(all[i].key, there->at);
  }
  return out;
}

}  // namespace hapair::test::bench
