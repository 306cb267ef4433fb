// The running load balancer of one node: topology, workers, checks, sessions and the pair link, and the one function
// through which every change comes, be it start, reload or pairadm (DESIGN flow d, invariant 6). Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "common/schema/role.pb.h"
#include "lbcore/config.h"
#include "lbcore/model/spec.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore {

class Balancer {
 public:
  Balancer(EventLoop& loop, Logger& log, const Settings& settings);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Replaces what runs by `spec`. Nothing that did not change is touched: no connection, listener, check result,
  /// counter or session. On an error (a port in use, ...) everything stays as it was.
  Status apply(const Spec& spec);
  [[nodiscard]] const Spec& spec() const;

  /// vrrpd's word about this node; an empty list when vrrpd is not connected.
  void set_roles(std::vector<role::Router> routers, bool vrrpd_connected);
  [[nodiscard]] bool active() const;  // Active in at least one router

  /// What vrrpd is told, and what status shows.
  [[nodiscard]] role::Serving serving() const;
  [[nodiscard]] control::NodeStatus status() const;
  [[nodiscard]] control::Listing listing() const;

  /// Stops accepting, gives open connections until `deadline`, then returns from EventLoop::run.
  void shut_down(Duration deadline);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hapair::lbcore
