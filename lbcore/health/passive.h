// The shell of passive ejection: looks at what the workers counted (LiveServer::failures), fifty
// times a second while a pool asks for it, and takes servers out of their pools and back
// (LiveServer::ejected). Main loop only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.h"
#include "common/log.h"
#include "lbcore/health/ejection.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::health {

class Passive {
 public:
  Passive(EventLoop& loop, Logger& log) : loop_(loop), log_(log) {}
  Passive(const Passive&) = delete;
  Passive& operator=(const Passive&) = delete;

  /// Ejections of servers that stay go on.
  void configure(std::shared_ptr<const Topology> topology);

 private:
  void look();
  void look_at(const Pool& pool, Ejection& ejection, TimePoint now);
  void take(const Pool& pool, const Server& server, const Ejection::Change& change, TimePoint now);

  EventLoop& loop_;
  Logger& log_;
  std::shared_ptr<const Topology> topology_;
  std::map<std::string, Ejection> ejections_;  // by pool, of those that ask for it
  std::optional<Ticker> ticker_;
};

}  // namespace hapair::lbcore::health
