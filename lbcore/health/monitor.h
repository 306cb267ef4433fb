// Runs the active checks of all pools on the main loop and writes their verdicts into
// LiveServer::up. Servers are known by pool and address: a rename or another weight changes
// nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/log.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::health {

class Monitor {
 public:
  /// `on_change(server)` after a server went up or down; it may be called from within configure().
  /// It must not call configure() itself.
  Monitor(EventLoop& loop, Logger& log, std::function<void(const LiveServer&)> on_change);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Starts checks of new servers at once (first check without delay), stops those of servers that
  /// are gone, restarts those whose CheckSpec changed without forgetting the verdict.
  /// `check = none`: up. A server that is new here and whose state is known (in_state_since:
  /// another process has checked it) keeps that until results change it.
  void configure(const Topology& topology);

  /// `by` has checked this server and says that it is up: believed until its first result here.
  void hint_up(ServerId server, const std::string& by);
  /// Whether there is a server that a hint would concern.
  [[nodiscard]] bool wants_hints() const;
  /// This node was cut off: of servers that it saw go down the next result decides, and until then
  /// hints do.
  void doubt();

  /// Ends all checks; what servers are, they stay.
  void stop();

  /// Every configured server has had its first result. A check that failed for want of a descriptor
  /// of ours is none: a node that cannot check must not claim that it can serve.
  [[nodiscard]] bool settled() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hapair::lbcore::health
