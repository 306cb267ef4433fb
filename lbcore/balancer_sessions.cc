// The balancer's sessions: who owns them, what becomes of those of servers that are gone, and their
// replication to the peer; and whose connections die with a node.
#include <algorithm>
#include <utility>

#include "lbcore/balancer_parts.h"
#include "lbcore/rate_debts.h"

namespace hapair::lbcore {

std::optional<PairKeys> Balancer::Parts::load_keys() {
  if (!settings.pair) return std::nullopt;
  const auto keys = load_pair_keys(settings.pair->key_file);
  if (keys) return *keys;
  replication_trouble = keys.error().message;
  log.environment("replication", "off, sessions stay on this node: {}", replication_trouble);
  return std::nullopt;
}

/// The link there is stays, whatever the file says now.
void Balancer::Parts::reload_keys(const std::string& path) {
  if (!settings.pair) return;
  settings.pair->key_file = path;
  const auto keys = load_pair_keys(path);
  replication_trouble = keys ? std::string() : keys.error().message;
  if (!keys) {
    log.environment("replication", "{}: {}", replication_trouble,
                    pair_keys ? "the keys of before stay in use" : "off");
    return;
  }
  if (pair_keys == *keys) return;
  const bool first = !pair_keys;
  pair_keys = *keys;
  log.info("replication", "{}",
           keys->also ? "new keys: the first is used, both are accepted" : "new key");
  if (!first) return replicator->set_keys(*keys);
  sessions.list_changes(true);
  start_replication({});
}

/// What the workers call: the peer is to know which connections are open here.
relay::LongLived::Tell Balancer::Parts::tell_connections() {
  if (!settings.pair) return {};
  orphans.emplace(loop, log, [this] {
    if (replicator) replicator->wake();
  });
  return [this](std::vector<orphans::Change> changes) {
    loop.post([this, changes = std::move(changes)] { orphans->tell(changes); });
  };
}

/// Connections of the peer's from these addresses are dead.
void Balancer::Parts::hold_addresses() {
  if (!orphans || retired) return;
  std::vector<IpAddress> held;
  for (const role::Router& router : routers) {
    if (router.state() != role::STATE_ACTIVE) continue;
    for (const std::string& address : router.addresses()) {
      if (const auto vip = Prefix::parse(address)) held.push_back(vip->ip);
    }
  }
  orphans->hold(std::move(held));
}

void Balancer::Parts::start_replication(UniqueFd listener) {
  if (!pair_keys) return;
  replicator = std::make_unique<replicate::Replicator>(
      loop, log, *settings.pair, *pair_keys, settings.config_hash, registry, sessions,
      replicate::Replicator::Hooks{.own_status = [this] { return own_status(); },
                                   .active = [this] { return owns_sessions(); },
                                   .on_state_change = [this] { send_if_changed(); },
                                   .on_changes =
                                       [this](const auto& changes) {
                                         if (watch_sessions) watch_sessions(changes);
                                       },
                                   .lanes = {&runtime, &rates, &orphans->lane(), &handover}},
      std::move(listener));
}

void Balancer::Parts::on_session_changes() {
  if (replicator) {
    replicator->flush();
  } else {
    const auto changes = sessions.take_changes();
    if (watch_sessions) watch_sessions(changes);
  }
}

void Balancer::Parts::note_gone_servers(const Topology& before) {
  const auto is_there = [&](PoolId pool, ServerId server) {
    return std::ranges::any_of(topology->pools, [&](const auto& each) {
      return each->id == pool && std::ranges::any_of(each->servers, [&](const Server& its) {
               return its.live->id == server;
             });
    });
  };
  std::erase_if(gone, [&](const Gone& each) { return is_there(each.pool, each.server); });
  if (!owns_sessions()) return;
  for (const auto& pool : before.pools) {
    for (const Server& server : pool->servers) {
      const ServerId id = server.live->id;
      if (server.live->sessions.load(std::memory_order_relaxed) > 0 && !is_there(pool->id, id))
        gone.push_back({.pool = pool->id, .server = id, .cursor = 0});
    }
  }
}

void Balancer::Parts::forget_gone_servers() {
  if (gone.empty()) return;
  Gone& first = gone.back();
  const auto next = sessions.forget_server(first.pool, first.server, loop.now(), first.cursor);
  if (next) {
    first.cursor = *next;
  } else {
    gone.pop_back();
  }
}

bool Balancer::Parts::active() const {
  return std::ranges::any_of(
      routers, [](const role::Router& router) { return router.state() == role::STATE_ACTIVE; });
}

bool Balancer::Parts::owns_sessions() const {
  return !retired && (active() || (!vrrpd_connected && !settings.pair));
}

void Balancer::Parts::set_roles(std::vector<role::Router> next, bool connected) {
  if (connected != vrrpd_connected) {
    log.info("role", "vrrpd {}", connected ? "is connected" : "is gone");
  }
  const bool was_active = active();
  const auto cut_off = [](const std::vector<role::Router>& list) {
    return std::ranges::any_of(
        list, [](const role::Router& router) { return router.state() == role::STATE_INITIALIZE; });
  };
  // A link is back, or vrrpd has just started: what was out of reach until now need not be down.
  const bool is_back = cut_off(routers) && !cut_off(next) && connected;
  if (is_back) monitor.doubt();
  routers = std::move(next);
  routers_told = loop.now();
  vrrpd_connected = connected;
  hold_addresses();
  if (active() != was_active) {
    log.info("role", "{}", active() ? "this node is Active" : "this node is no longer Active");
  }
  const bool owns = owns_sessions();
  // A new owner does not know how long the sessions were idle at the old one.
  if (owns && !owned_sessions) {
    sessions.restart_timeouts(loop.now());
    const auto heard = rates.take_heard(loop.now());
    if (heard && topology) add_rate_debts(*topology, heard->debts, heard->age, loop.now());
  }
  owned_sessions = owns;
}

/// Nobody who is not Active has clients.
void Balancer::Parts::share_rate_debts() {
  if (!rates.is_up() || !topology || !active()) return;
  auto debts = rate_debts(*topology, loop.now());
  if (debts.services().empty()) return;
  rates.say(std::move(debts));
  replicator->wake();
}

void Balancer::Parts::hear_handover(const role::NodeRole* said) {
  handover::Node node;
  if (said != nullptr) {
    node = {.connected = true,
            .hands_over = said->hands_over(),
            .holding = {},
            .handover = said->handover()};
    for (const role::Router& router : said->routers()) {
      if (router.state() == role::STATE_ACTIVE && !router.away())
        node.holding.insert(router.name());
    }
  }
  handover.vrrpd_says(std::move(node));
}

control::Sync Balancer::Parts::sync() const {
  control::Sync out;
  if (replicator) {
    out = replicator->sync();
    if (replicator->synced() && !in_sync()) {
      out.set_state("catching up");
      out.set_detail("the runtime changes of the nodes are not the same yet");
    }
    if (out.detail().empty()) out.set_detail(replication_trouble);
    return out;
  }
  out.set_sessions(sessions.size());
  if (!settings.pair) {
    out.set_state("alone");
    return out;
  }
  out.set_state("disconnected");
  out.set_peer(fmt::format("{} {}", settings.pair->peer, settings.pair->other.to_string()));
  out.set_detail(replication_trouble);
  return out;
}

}  // namespace hapair::lbcore
