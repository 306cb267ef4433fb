#include "lbcore/relay/dispatcher.h"

#include <algorithm>
#include <utility>

#include <xxhash.h>

namespace hapair::lbcore::relay {

namespace {

/// Equal for clients of one prefix, and on both nodes.
uint64_t source_hash(const StickySpec& sticky, const IpAddress& client) {
  const IpAddress key = client.masked(client.is_v4() ? sticky.prefix_v4 : sticky.prefix_v6);
  const auto bytes = key.bytes();
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

void Dispatcher::update(const Topology& topology) {
  std::vector<std::unique_ptr<PoolScheduler>> next;
  for (const auto& pool : topology.pools) {
    if (next.size() <= pool->id) next.resize(pool->id + 1);
    std::unique_ptr<PoolScheduler>& own = next[pool->id];
    if (pool->id < pools_.size()) own = std::move(pools_[pool->id]);
    if (!own) own = std::make_unique<PoolScheduler>(worker_);
    own->update(pool);
  }
  pools_ = std::move(next);
}

Dispatcher::Choice Dispatcher::choose(PoolId pool_id, const IpAddress& client, const Tried& tried,
                                      TimePoint now) {
  const Pool* const pool = this->pool(pool_id);
  if (pool == nullptr) return {};

  if (pool->spec.sticky.enabled()) {
    if (const auto id = sessions_.use(pool_id, client, now)) {
      const Server* server = find(*pool, *id);
      if (server != nullptr && server->spec.admin != ServerAdmin::disabled &&
          server->live->available() && !tried.contains(*id)) {
        return {.server = server->live, .from_session = true, .why = Why::chosen};
      }
    }
  }

  const uint64_t hash =
      balance::looks_at_source(pool->spec.scheduler) ? source_hash(pool->spec.sticky, client) : 0;
  const auto pick = pools_[pool_id]->pick(hash, tried, now);
  return {.server = pick.server == nullptr ? nullptr : pick.server->live,
          .why = pick.why,
          .limit = pick.limit};
}

void Dispatcher::record(PoolId pool_id, const IpAddress& client, const LiveServer& server,
                        TimePoint now) {
  const Pool* const pool = this->pool(pool_id);
  // A server that a reload took out while the connection was made gets no session.
  if (pool == nullptr || !pool->spec.sticky.enabled() || find(*pool, server.id) == nullptr) return;
  if (pool->spec.on_down == OnDown::keep) {
    // Whoever is here although it has a session could not reach its server: that one will be back.
    const auto own = sessions_.use(pool_id, client, now);
    if (own && find(*pool, *own) != nullptr) return;
  }
  sessions_.put(pool_id, client, server.id, now);
}

bool Dispatcher::hold(PoolId pool_id, const IpAddress& client) {
  const Pool* const pool = this->pool(pool_id);
  return pool != nullptr && pool->spec.sticky.enabled() && sessions_.hold(pool_id, client);
}

void Dispatcher::release(PoolId pool, const IpAddress& client, TimePoint now) {
  sessions_.release(pool, client, now);
}

const Pool* Dispatcher::pool(PoolId id) const {
  return id < pools_.size() && pools_[id] ? pools_[id]->pool() : nullptr;
}

const Server* Dispatcher::find(const Pool& pool, ServerId id) {
  const auto found = std::ranges::find_if(
      pool.servers, [&](const Server& server) { return server.live->id == id; });
  return found == pool.servers.end() ? nullptr : &*found;
}

}  // namespace hapair::lbcore::relay
