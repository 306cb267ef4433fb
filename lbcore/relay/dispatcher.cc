#include "lbcore/relay/dispatcher.h"

#include <algorithm>

#include <xxhash.h>

namespace hapair::lbcore::relay {

namespace {

bool same_servers(const Pool& a, const Pool& b) {
  return std::ranges::equal(a.servers, b.servers, {}, &Server::live, &Server::live);
}

/// Equal for clients of one prefix, and on both nodes.
uint64_t source_hash(const StickySpec& sticky, const IpAddress& client) {
  const IpAddress key = client.masked(client.is_v4() ? sticky.prefix_v4 : sticky.prefix_v6);
  const auto bytes = key.bytes();
  return XXH3_64bits(bytes.data(), bytes.size());
}

/// Full from max_connections on until fewer than min_connections are open, for all workers alike.
bool full(const ServerSpec& spec, LiveServer& live) {
  const bool was = live.full.load(std::memory_order_relaxed);
  if (!was && spec.max_connections == 0) return false;
  const uint32_t active = live.counters.active.load(std::memory_order_relaxed);
  const bool now =
      spec.max_connections != 0 && active >= (was ? spec.reopens_below() : spec.max_connections);
  if (now != was) live.full.store(now, std::memory_order_relaxed);
  return now;
}

}  // namespace

bool Tried::contains(ServerId id) const {
  return std::find(ids_.begin(), ids_.begin() + count_, id) != ids_.begin() + count_;
}

void Dispatcher::update(const Topology& topology) {
  std::vector<State> next;
  for (const auto& pool : topology.pools) {
    if (next.size() <= pool->id) next.resize(pool->id + 1);
    State& state = next[pool->id];
    State* was = pool->id < states_.size() && states_[pool->id].pool ? &states_[pool->id] : nullptr;
    if (was != nullptr && was->pool->spec.scheduler == pool->spec.scheduler &&
        same_servers(*was->pool, *pool)) {
      state.scheduler = std::move(was->scheduler);
    } else {
      state.scheduler = balance::make_scheduler(pool->spec.scheduler, worker_);
    }
    state.pool = pool;
  }
  states_ = std::move(next);
}

Dispatcher::Choice Dispatcher::choose(PoolId pool_id, const IpAddress& client, const Tried& tried,
                                      TimePoint now) {
  if (pool_id >= states_.size() || !states_[pool_id].pool) return {};
  State& state = states_[pool_id];
  const Pool& pool = *state.pool;

  if (pool.spec.sticky.enabled()) {
    if (const auto id = sessions_.use(pool_id, client, now)) {
      const Server* server = find(pool, *id);
      if (server != nullptr && server->spec.admin != ServerAdmin::disabled &&
          server->live->up.load(std::memory_order_relaxed) && !tried.contains(*id)) {
        return {.server = server->live, .from_session = true, .why = Why::chosen};
      }
    }
  }

  bool some_full = false;
  auto picked = schedule(state, client, tried, false, some_full);
  if (!picked) picked = schedule(state, client, tried, true, some_full);
  if (!picked) return {.server = nullptr, .why = some_full ? Why::full : Why::none_up};
  const Server& server = pool.servers[*picked];
  return {.server = server.live, .why = Why::chosen, .limit = server.spec.max_connections};
}

std::optional<size_t> Dispatcher::schedule(State& state, const IpAddress& client,
                                           const Tried& tried, bool backups, bool& some_full) {
  const Pool& pool = *state.pool;
  candidates_.clear();
  for (const Server& server : pool.servers) {
    LiveServer& live = *server.live;
    bool usable = server.spec.backup == backups && server.spec.weight > 0 &&
                  server.spec.admin == ServerAdmin::enabled &&
                  live.up.load(std::memory_order_relaxed) && !tried.contains(live.id);
    if (usable && full(server.spec, live)) {
      usable = false;
      some_full = true;
    }
    candidates_.push_back({.weight = server.spec.weight,
                           .active = live.counters.active.load(std::memory_order_relaxed),
                           .usable = usable,
                           .token = live.token});
  }
  return state.scheduler->pick(candidates_, source_hash(pool.spec.sticky, client));
}

void Dispatcher::record(PoolId pool_id, const IpAddress& client, const LiveServer& server,
                        TimePoint now) {
  if (pool_id >= states_.size() || !states_[pool_id].pool) return;
  const Pool& pool = *states_[pool_id].pool;
  // A server that a reload took out while the connection was made gets no session.
  if (!pool.spec.sticky.enabled() || find(pool, server.id) == nullptr) return;
  sessions_.put(pool_id, client, server.id, now);
}

const Server* Dispatcher::find(const Pool& pool, ServerId id) {
  const auto found = std::ranges::find_if(
      pool.servers, [&](const Server& server) { return server.live->id == id; });
  return found == pool.servers.end() ? nullptr : &*found;
}

}  // namespace hapair::lbcore::relay
