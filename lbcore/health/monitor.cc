#include "lbcore/health/monitor.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lbcore/health/checker.h"

namespace hapair::lbcore::health {

namespace {

/// What is asked of one address, once for all pools that ask it.
struct Task {
  Endpoint server;
  CheckSpec spec;
  std::vector<Checker::Target> targets;
};
using TaskKey = std::pair<Endpoint, std::string>;  // the check in its canonical text

std::map<TaskKey, Task> tasks_of(const Topology& topology) {
  std::map<TaskKey, Task> tasks;
  for (const auto& pool : topology.pools) {
    const CheckSpec spec = with_proxy_of(pool->spec.check, pool->spec.relay.proxy_protocol);
    const std::string check = format_check(spec);
    for (const Server& server : pool->servers) {
      Task& task = tasks[{server.live->address, check}];
      task.server = server.live->address;
      task.spec = spec;
      const bool named = std::ranges::any_of(
          task.targets, [&](const auto& target) { return target.live == server.live; });
      if (named) continue;  // one address under two names in one pool
      task.targets.push_back(
          {.name = pool->spec.name + "/" + server.spec.name, .live = server.live});
    }
  }
  return tasks;
}

}  // namespace

struct Monitor::Parts {
  CheckContext context;
  std::map<TaskKey, std::unique_ptr<Checker>> checkers;
  std::unordered_map<ServerId, std::pair<std::shared_ptr<LiveServer>, TaskKey>> servers;
  bool configuring = false;
};

Monitor::Monitor(EventLoop& loop, Logger& log, std::function<void(const LiveServer&)> on_change)
    : parts_(new Parts{.context = {.loop = loop, .log = log, .on_change = std::move(on_change)},
                       .checkers = {},
                       .servers = {},
                       .configuring = false}) {}

Monitor::~Monitor() = default;

void Monitor::configure(const Topology& topology) {
  parts_->configuring = true;
  auto old_checkers = std::exchange(parts_->checkers, {});
  auto old_servers = std::exchange(parts_->servers, {});
  auto tasks = tasks_of(topology);

  for (auto& [key, task] : tasks) {
    for (const Checker::Target& target : task.targets) {
      parts_->servers[target.live->id] = {target.live, key};
    }
  }
  // Nobody knows any more of who is gone; should it be configured again, its first check decides.
  for (const auto& [id, server] : old_servers) {
    if (parts_->servers.contains(id)) continue;
    server.first->up.store(false, std::memory_order_relaxed);
    server.first->in_state_since = {};
  }
  for (auto& [key, task] : tasks) {
    std::unique_ptr<Checker>& checker = parts_->checkers[key];
    if (const auto kept = old_checkers.find(key); kept != old_checkers.end()) {
      checker = std::move(kept->second);
      checker->serve(std::move(task.targets));
      continue;
    }
    // Another check of a server that is known: what is known of it stays.
    const Checker* predecessor = nullptr;
    for (const Checker::Target& target : task.targets) {
      const auto before = old_servers.find(target.live->id);
      if (before == old_servers.end()) continue;
      const TaskKey& was = before->second.second;
      const auto gone = old_checkers.find(was);
      predecessor = gone != old_checkers.end() && gone->second != nullptr
                        ? gone->second.get()
                        : parts_->checkers.at(was).get();
      break;
    }
    checker = std::make_unique<Checker>(parts_->context, task.server, task.spec,
                                        std::move(task.targets), predecessor);
  }
  parts_->configuring = false;
}

void Monitor::hint_up(ServerId server, const std::string& by) {
  const auto known = parts_->servers.find(server);
  if (known != parts_->servers.end()) parts_->checkers.at(known->second.second)->hint_up(by);
}

bool Monitor::wants_hints() const {
  return !parts_->configuring && std::ranges::any_of(parts_->checkers, [](const auto& entry) {
    return !entry.second->decided();
  });
}

void Monitor::doubt() {
  for (const auto& [key, checker] : parts_->checkers) checker->doubt();
}

void Monitor::stop() {
  parts_->checkers.clear();
  parts_->servers.clear();
}

bool Monitor::settled() const {
  // Asked from within on_change, while the list is half built: not yet.
  return !parts_->configuring && std::ranges::all_of(parts_->checkers, [](const auto& entry) {
    return entry.second->decided();
  });
}

}  // namespace hapair::lbcore::health
