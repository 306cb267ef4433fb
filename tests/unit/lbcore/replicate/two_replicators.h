// Two nodes in one process and one loop: registries, stores and Replicators over loopback
// addresses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "lbcore/replicate/replicator.h"
#include "tests/unit/lbcore/replicate/fake_tables.h"

namespace hapair::lbcore::replicate::test {

/// A port that was free a moment ago on every loopback address.
inline uint16_t free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by casting
  (void)::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
  (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  return ntohs(address.sin_port);
}

inline config::Pair loopback_pair(bool lower, uint16_t port) {
  const Endpoint lb1{IpAddress::v4(0x7f000001U), port};
  const Endpoint lb2{IpAddress::v4(0x7f000002U), port};
  return lower ? config::Pair{"lb1", "lb2", lb1, lb2, ""}
               : config::Pair{"lb2", "lb1", lb2, lb1, ""};
}

/// One node: what lbcore has around its Replicator.
struct ReplicatingNode {
  ReplicatingNode(EventLoop& event_loop, Logger& logger, config::Pair its_pair, PairKey its_key,
                  const std::vector<std::string>& pools = {"web"},
                  size_t max_sessions = size_t{1} << 21)
      : loop(event_loop),
        log(logger),
        pair(std::move(its_pair)),
        key(its_key),
        store([this](ServerId id) { return registry.find(id); }, max_sessions,
              [this] {
                loop.post([this] {
                  if (replicator) replicator->flush();
                });
              }) {
    Spec spec;
    for (const auto& name : pools) {
      PoolSpec pool;
      pool.name = name;
      pool.sticky.timeout = 10min;
      for (uint32_t i = 1; i <= 3; ++i) {
        pool.servers.push_back({std::string(1, static_cast<char>('a' + i)), backend(i), 1});
      }
      spec.pools.push_back(pool);
    }
    topology = registry.build(spec);
    store.configure(*topology, loop.now());
  }

  void start() {
    replicator = std::make_unique<Replicator>(
        loop, log, pair, key, 42, registry, store,
        Replicator::Hooks{.own_status =
                              [this] {
                                control::NodeStatus status;
                                status.set_node(pair.node);
                                return status;
                              },
                          .active = [this] { return active; },
                          .on_state_change = [this] { ++state_changes; },
                          .on_changes = {}});
  }
  void stop() { replicator.reset(); }

  /// `number` picks client and server.
  void put(uint32_t number, const std::string& pool = "web") {
    const PoolId id = registry.pool(pool);
    store.put(id, client(number), registry.server(pool, backend(1 + number % 3))->id, loop.now());
  }
  [[nodiscard]] std::optional<Endpoint> server_of(uint32_t number,
                                                  const std::string& pool = "web") {
    const auto id = store.use(registry.pool(pool), client(number), loop.now());
    if (!id) return std::nullopt;
    return registry.find(*id)->address;
  }
  [[nodiscard]] std::string state() const { return replicator->sync().state(); }
  [[nodiscard]] std::string detail() const { return replicator->sync().detail(); }

  EventLoop& loop;
  Logger& log;
  config::Pair pair;
  PairKey key;
  Registry registry;
  std::shared_ptr<const Topology> topology;
  sticky::SessionStore store;
  bool active = false;
  int state_changes = 0;
  std::unique_ptr<Replicator> replicator;
};

/// Turns the loop until `done`, at most `within`.
inline bool turn_until(EventLoop& loop, Duration within, const std::function<bool()>& done) {
  bool late = false;
  Deadline deadline(loop, [&] { late = true; });
  deadline.arm(loop.refresh_now() + within);
  while (!done()) {
    if (late) return false;
    loop.run_once();
  }
  return true;
}

inline constexpr PairKey kKey{1, 2, 3, 4, 5};
inline constexpr PairKey kOtherKey{5, 4, 3, 2, 1};

}  // namespace hapair::lbcore::replicate::test
