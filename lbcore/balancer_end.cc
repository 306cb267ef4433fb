// How a balancer takes over from an old process or gives way to a new one, and how it ends.
#include <algorithm>
#include <utility>

#include "lbcore/balancer_parts.h"
#include "lbcore/relay/socket.h"

namespace hapair::lbcore {

namespace {

constexpr Duration kDrainInterval = 20ms;
constexpr Duration kHandoverPatience = 2s;  // for vrrpd to move the VIPs away when we stop

}  // namespace

// ---- An upgrade

/// As a reload would open them, but for those that the old process has.
Status Balancer::Parts::inherit_sockets(const ListenKey& key, relay::WorkerPool::Opened& opened) {
  const auto old = inherited->listeners.find(key);
  if (old == inherited->listeners.end() || old->second.empty()) {
    return workers.open(key, loop.now(), opened);
  }
  if (auto status = workers.complete(key, old->second); !status) return status;
  opened[key] = std::move(old->second);
  return {};
}

void Balancer::Parts::inherit_servers() {
  const TimePoint now = loop.now();
  for (const auto& pool : topology->pools) {
    for (const Server& server : pool->servers) {
      LiveServer& live = *server.live;
      const auto known = inherited->servers.find({live.pool, live.address});
      if (known == inherited->servers.end()) continue;
      const auto& health = known->second;
      live.set_up(health.up, now - health.in_state);
      live.in_state_since = now - health.in_state;
      live.last_result = health.result;
      live.last_result_at = now - health.result_age;
    }
  }
  inherited->servers.clear();
  // What the new file does not want is the old process's to drain: a queue that two processes have
  // open would not end with it.
  std::erase_if(inherited->listeners, [&](const auto& entry) {
    return spec.find_service(entry.first.first, entry.first.second) == nullptr;
  });
}

void Balancer::Parts::take_over() {
  Inherited last = std::move(*inherited);
  inherited.reset();
  workers.publish(topology, std::move(last.opened), loop.now());
  const auto& page = settings.observe.status_listen;
  if (page && last.status && local_endpoint(last.status.get()) == *page) {
    status_listener.adopt(*page, std::move(last.status));
  }
  last.status.reset();
  show();
  start_replication(std::move(last.pair));
}

void Balancer::Parts::retire(Duration patience) {
  retired = stopping = true;
  accepting = false;
  drain_until = loop.now() + patience;
  monitor.stop();
  status_listener.configure(std::nullopt);
  workers.leave_listeners();
  workers.ask();
  drain_ticker.emplace(loop, kDrainInterval, [this] { drain(); });
}

// ---- The end

void Balancer::Parts::shut_down(Duration patience) {
  drain_until = loop.now() + patience;
  if (stopping) return;
  stopping = true;
  // Closing the listeners while the VIPs are still here would turn clients away.
  handover_until = loop.now() + (active() ? std::min(patience, kHandoverPatience) : Duration{0});
  send_if_changed();
  drain_ticker.emplace(loop, kDrainInterval, [this] { drain(); });
}

void Balancer::Parts::drain() {
  const TimePoint now = loop.now();
  const bool out_of_time = now >= drain_until;
  if (accepting && (!active() || now >= handover_until || out_of_time)) {
    accepting = false;
    workers.stop_accepting();
    workers.ask();
    return;  // what waited in the accept queues is counted once they have answered
  }
  const size_t open = workers.open_connections();
  if (accepting || (open > 0 && !out_of_time)) return;
  if (open == 0 && !out_of_time && !workers.answered()) return;
  if (open > 0) log.info("relay", "{} connections were still open and are reset", open);
  workers.reset_connections();
  loop.stop();
}

// ---- The public face

bool Balancer::may_take_over() const {
  return parts_->topology && parts_->turned && parts_->checks_settled;
}
void Balancer::take_over() {
  parts_->take_over();
}
const Topology& Balancer::topology() const {
  return *parts_->topology;
}
Registry& Balancer::registry() {
  return parts_->registry;
}
sticky::SessionStore& Balancer::sessions() {
  return parts_->sessions;
}
void Balancer::share_listeners(std::function<void(Result<Listeners> shared)> done) {
  parts_->workers.share_sockets(parts_->loop, std::move(done));
}
int Balancer::status_listener() const {
  return parts_->status_listener.listener();
}
int Balancer::pair_listener() const {
  return parts_->replicator ? parts_->replicator->listener() : -1;
}
void Balancer::watch_sessions(std::function<void(const sticky::SessionStore::Changes&)> watch) {
  parts_->watch_sessions = std::move(watch);
  parts_->sessions.list_changes(parts_->pair_keys || parts_->watch_sessions);
}
void Balancer::leave_pair_link() {
  parts_->replicator.reset();
}
void Balancer::return_to_pair_link() {
  parts_->start_replication();
}
void Balancer::retire(Duration patience) {
  parts_->retire(patience);
}
size_t Balancer::open_connections() const {
  return parts_->workers.open_connections();
}

void Balancer::shut_down(Duration deadline) {
  parts_->shut_down(deadline);
}

}  // namespace hapair::lbcore
