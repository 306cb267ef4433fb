// Whether a pool has a server at all, and what becomes of clients when it has none
// (`when_all_down`): asked by the status and told to the log when it begins and ends.
#pragma once

#include <set>
#include <string>

#include "common/log.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::health {

/// By configuration and checks; an ejection (passive.h) does not count.
bool takes_clients(const Server& server);

/// No server of the pool is up. Not true of one without servers to be up: that is configured so.
bool all_down(const Pool& pool);

/// "all servers are down: connections are refused", or empty.
std::string all_down_text(const Pool& pool);

/// Remembers which pools were down, for the log. Main loop only.
class PoolHealth {
 public:
  explicit PoolHealth(Logger& log) : log_(log) {}
  void look(const Topology& topology);

 private:
  Logger& log_;
  std::set<std::string> down_;
};

}  // namespace hapair::lbcore::health
