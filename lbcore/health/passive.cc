#include "lbcore/health/passive.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "common/units.h"
#include "lbcore/health/pool_health.h"

namespace hapair::lbcore::health {

namespace {

constexpr Duration kLookInterval = 20ms;

void let_in(LiveServer& live) {
  live.failures.store(0, std::memory_order_relaxed);
  live.ejected.store(false, std::memory_order_relaxed);
  live.ejected_why.clear();
  live.ejected_until = {};
}

std::string failures_text(const LiveServer& live) {
  const int error = live.last_failure.load(std::memory_order_relaxed);
  std::string out =
      fmt::format("{} failures in a row", live.failures.load(std::memory_order_relaxed));
  if (error != 0) out += ", last: " + std::system_category().message(error);
  return out;
}

}  // namespace

void Passive::configure(std::shared_ptr<const Topology> topology) {
  const auto before = std::exchange(topology_, std::move(topology));
  // A server that is gone, or that nobody watches any more, comes back clean.
  const auto watched = [&](const LiveServer& live) {
    return std::ranges::any_of(topology_->pools, [&](const auto& pool) {
      return pool->spec.name == live.pool && pool->spec.passive.enabled() &&
             std::ranges::any_of(pool->servers,
                                 [&](const Server& server) { return server.live->id == live.id; });
    });
  };
  if (before) {
    for (const auto& pool : before->pools) {
      for (const Server& server : pool->servers) {
        if (pool->spec.passive.enabled() && !watched(*server.live)) let_in(*server.live);
      }
    }
  }
  std::map<std::string, Ejection> kept;
  for (const auto& pool : topology_->pools) {
    if (pool->spec.passive.enabled()) {
      kept[pool->spec.name] = std::move(ejections_[pool->spec.name]);
    }
  }
  ejections_ = std::move(kept);
  if (ejections_.empty()) {
    ticker_.reset();
  } else if (!ticker_) {
    ticker_.emplace(loop_, kLookInterval, [this] { look(); });
  }
}

void Passive::look() {
  const TimePoint now = loop_.now();
  for (const auto& pool : topology_->pools) {
    const auto found = ejections_.find(pool->spec.name);
    if (found != ejections_.end()) look_at(*pool, found->second, now);
  }
}

void Passive::look_at(const Pool& pool, Ejection& ejection, TimePoint now) {
  std::vector<Ejection::Seen> seen;
  seen.reserve(pool.servers.size());
  for (const Server& server : pool.servers) {
    seen.push_back({.id = server.live->id,
                    .failures = server.live->failures.load(std::memory_order_relaxed),
                    .usable = takes_clients(server)});
  }
  const auto changes = ejection.step(pool.spec.passive, seen, now);
  for (const Ejection::Change& change : changes) {
    const auto server = std::ranges::find_if(
        pool.servers, [&](const Server& each) { return each.live->id == change.id; });
    if (server != pool.servers.end()) take(pool, *server, change, now);
  }
}

void Passive::take(const Pool& pool, const Server& server, const Ejection::Change& change,
                   TimePoint now) {
  using What = Ejection::Change::What;
  LiveServer& live = *server.live;
  const std::string who = "passive " + pool.spec.name + "/" + server.spec.name;
  switch (change.what) {
    case What::ejected:
      live.ejected_why = "PASSIVE " + failures_text(live);
      live.ejected_until = now + change.time;
      ++live.ejections;
      live.ejected.store(true, std::memory_order_relaxed);
      log_.info(who, "ejected for {} ({})", format_duration(change.time), live.ejected_why);
      return;
    case What::returned:
    case What::recalled:
      let_in(live);
      log_.info(who, "{}",
                change.what == What::returned ? "back after its time"
                                              : "back early: no other server is left");
      return;
    case What::held:
      log_.info(who, "not ejected, the pool cannot spare it ({})", failures_text(live));
      return;
  }
}

}  // namespace hapair::lbcore::health
