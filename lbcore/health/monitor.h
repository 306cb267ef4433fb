// Runs the active checks of all pools on the main loop and writes their verdicts into
// LiveServer::up.
#pragma once

#include <functional>
#include <memory>

#include "common/event_loop.h"
#include "common/log.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::health {

class Monitor {
 public:
  /// `on_change(server)` after a server went up or down.
  Monitor(EventLoop& loop, Logger& log, std::function<void(const LiveServer&)> on_change);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Starts checks of new servers at once (first check without delay), stops those of servers that
  /// are gone, restarts those whose CheckSpec changed without forgetting the verdict. `check =
  /// none`: up.
  void configure(const Topology& topology);

  /// Every configured server has had its first result (or its first timeout).
  [[nodiscard]] bool settled() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hapair::lbcore::health
