#include "lbcore/model/topology.h"

#include <algorithm>
#include <cstddef>

namespace hapair::lbcore {

namespace {

/// Of the things that `may_go` the ones unused for longest, so that `most` of them stay.
template <typename Known, typename MayGo, typename OnForget>
void forget_oldest(Known& known, size_t most, MayGo may_go, OnForget on_forget) {
  using Iterator = typename Known::iterator;
  std::vector<Iterator> unused;
  for (auto each = known.begin(); each != known.end(); ++each) {
    if (may_go(each->second)) unused.push_back(each);
  }
  if (unused.size() <= most) return;
  const auto end = unused.end() - static_cast<std::ptrdiff_t>(most);
  std::nth_element(unused.begin(), end, unused.end(),
                   [](Iterator a, Iterator b) { return a->second.used < b->second.used; });
  for (auto each = unused.begin(); each != end; ++each) {
    on_forget((*each)->second);
    known.erase(*each);
  }
}

}  // namespace

std::shared_ptr<LiveServer> Registry::server(const std::string& pool, const Endpoint& address) {
  const ServerName name(pool, address);
  KnownServer& known = servers_[name];
  if (!known.live) {
    known.live =
        std::make_shared<LiveServer>(next_server_++, pool, address, known_pool(pool).pulse);
    server_names_.emplace(known.live->id, name);
  }
  known.used = generation_;
  return known.live;
}

Registry::KnownPool& Registry::known_pool(const std::string& name) {
  KnownPool& known = pools_[name];
  if (!known.pulse) {
    known.pulse = std::make_shared<Pulse>();
    known.id = next_pool_++;
    pool_names_.emplace(known.id, name);
  }
  known.used = generation_;
  return known;
}

Registry::KnownService& Registry::known_service(const std::string& name) {
  KnownService& known = services_[name];
  if (!known.live) known.live = std::make_shared<LiveService>(name);
  known.used = generation_;
  return known;
}

std::shared_ptr<LiveService> Registry::service(const std::string& name) {
  return known_service(name).live;
}

std::shared_ptr<limit::SourceTable> Registry::sources(const ServiceSpec& service) {
  if (!service.relay.limits_sources()) return nullptr;
  auto& sources = known_service(service.name).sources;
  if (!sources) sources = std::make_shared<limit::SourceTable>();
  return sources;
}

PoolId Registry::pool(const std::string& name) {
  return known_pool(name).id;
}

std::shared_ptr<LiveServer> Registry::find(ServerId id) const {
  const auto name = server_names_.find(id);
  return name == server_names_.end() ? nullptr : servers_.at(name->second).live;
}

const std::string* Registry::pool_name(PoolId id) const {
  const auto name = pool_names_.find(id);
  return name == pool_names_.end() ? nullptr : &name->second;
}

void Registry::forget_unused() {
  const auto only_here = [this](const auto& known) {
    return known.used != generation_ && known.live.use_count() == 1;
  };
  forget_oldest(servers_, kRemembered, only_here,
                [this](const KnownServer& known) { server_names_.erase(known.live->id); });
  forget_oldest(services_, kRemembered, only_here, [](const KnownService&) {});
  // Its servers hold the pulse.
  forget_oldest(
      pools_, kRemembered,
      [this](const KnownPool& known) {
        return known.used != generation_ && known.pulse.use_count() == 1;
      },
      [this](const KnownPool& known) { pool_names_.erase(known.id); });
}

std::shared_ptr<const Topology> Registry::build(const Spec& spec) {
  auto topology = std::make_shared<Topology>();
  topology->generation = ++generation_;

  std::map<std::string, std::shared_ptr<const Pool>> by_name;
  for (const PoolSpec& pool_spec : spec.pools) {
    auto built = std::make_shared<Pool>();
    built->id = pool(pool_spec.name);
    built->spec = pool_spec;
    built->pulse = known_pool(pool_spec.name).pulse;
    for (const ServerSpec& server_spec : pool_spec.servers) {
      built->servers.push_back({server_spec, server(pool_spec.name, server_spec.address)});
    }
    built->spec.servers.clear();
    by_name[pool_spec.name] = built;
    topology->pools.push_back(std::move(built));
  }
  for (const ServiceSpec& service_spec : spec.services) {
    topology->services.push_back(std::make_shared<const Service>(
        Service{service_spec, by_name.at(service_spec.pool), service(service_spec.name),
                sources(service_spec), idle_timeout(service_spec, spec.timeouts),
                half_closed_timeout(service_spec, spec.timeouts)}));
  }
  forget_unused();
  return topology;
}

}  // namespace hapair::lbcore
