// All that the status pages tell, taken on the main thread by Balancer. It costs the same however
// many servers there are: they are described, and their counters and histograms read, one by one
// while a page is made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/schema/control.pb.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::observe {

/// Whether clients should be sent to this node, and why, or why not.
struct Readiness {
  bool ready = false;
  std::string why;
};

/// `elects`: the configuration has a virtual router, so that vrrpd decides who serves.
Readiness readiness(const control::NodeStatus& node, bool elects);

struct View {
  control::NodeStatus node;                  // without its services
  std::shared_ptr<const Topology> topology;  // null before the first configuration
  std::vector<uint64_t> pool_sessions;       // by the pool's place in `topology`
  TimePoint now{};
  bool ready = false;
  uint64_t access_lines = 0;
  uint64_t access_dropped = 0;
  size_t open_connections = 0;
  size_t most_connections = 0;
  uint64_t most_pool_sessions = 0;
  std::vector<uint64_t> pool_evictions;                              // as pool_sessions
  std::function<control::Service(const Service&)> describe_service;  // without its servers
  std::function<control::Server(const Server&)> describe_server;
};

/// Where the pages come from; called on the main thread.
struct Source {
  std::function<std::string()> hung;  // why the workers' loops do not turn, or empty
  std::function<Readiness()> readiness;
  std::function<View()> view;
};

}  // namespace hapair::lbcore::observe
