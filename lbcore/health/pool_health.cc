#include "lbcore/health/pool_health.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::health {

namespace {

bool wanted(const Server& server) {
  return server.spec.weight > 0 && server.spec.admin == ServerAdmin::enabled;
}

}  // namespace

bool takes_clients(const Server& server) {
  return wanted(server) && server.live->up.load(std::memory_order_relaxed);
}

bool all_down(const Pool& pool) {
  return std::ranges::any_of(pool.servers, wanted) &&
         std::ranges::none_of(pool.servers, takes_clients);
}

std::string all_down_text(const Pool& pool) {
  if (!all_down(pool)) return {};
  return pool.spec.when_all_down == WhenAllDown::all
             ? "all servers are down: all of them are used"
             : "all servers are down: connections are refused";
}

void PoolHealth::look(const Topology& topology) {
  std::set<std::string> down;
  for (const auto& pool : topology.pools) {
    const std::string& name = pool->spec.name;
    if (all_down(*pool)) {
      down.insert(name);
      if (!down_.contains(name)) log_.info("pool " + name, "{}", all_down_text(*pool));
    } else if (down_.contains(name)) {
      log_.info("pool " + name, "has a server again");
    }
  }
  down_ = std::move(down);
}

}  // namespace hapair::lbcore::health
