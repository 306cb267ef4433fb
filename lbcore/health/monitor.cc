#include "lbcore/health/monitor.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lbcore/health/checker.h"

namespace hapair::lbcore::health {

struct Monitor::Parts {
  CheckContext context;
  std::unordered_map<ServerId, std::unique_ptr<Checker>> checkers;
  bool configuring = false;
};

Monitor::Monitor(EventLoop& loop, Logger& log, std::function<void(const LiveServer&)> on_change)
    : parts_(new Parts{.context = {.loop = loop, .log = log, .on_change = std::move(on_change)},
                       .checkers = {},
                       .configuring = false}) {}

Monitor::~Monitor() = default;

void Monitor::configure(const Topology& topology) {
  parts_->configuring = true;
  auto gone = std::exchange(parts_->checkers, {});
  for (const auto& pool : topology.pools) {
    for (const Server& server : pool->servers) {
      std::unique_ptr<Checker>& checker = parts_->checkers[server.live->id];
      if (checker != nullptr) continue;  // one address under two names: one check
      std::string name = pool->spec.name + "/" + server.spec.name;
      if (const auto kept = gone.find(server.live->id); kept != gone.end()) {
        checker = std::move(kept->second);
        gone.erase(kept);
        checker->configure(std::move(name), pool->spec.check);
      } else {
        checker = std::make_unique<Checker>(parts_->context, server.live, std::move(name),
                                            pool->spec.check);
      }
    }
  }
  parts_->configuring = false;
}

bool Monitor::settled() const {
  // Asked from within on_change, while the list is half built: not yet.
  return !parts_->configuring && std::ranges::all_of(parts_->checkers, [](const auto& entry) {
    return entry.second->decided();
  });
}

}  // namespace hapair::lbcore::health
