#include "lbcore/model/topology.h"

namespace hapair::lbcore {

std::shared_ptr<LiveServer> Registry::server(const std::string& pool, const Endpoint& address) {
  auto& slot = servers_[{pool, address}];
  if (!slot) {
    slot = std::make_shared<LiveServer>(static_cast<ServerId>(by_id_.size()), pool, address,
                                        pulse(pool));
    by_id_.push_back(slot);
  }
  return slot;
}

std::shared_ptr<Pulse> Registry::pulse(const std::string& pool) {
  auto& slot = pulses_[pool];
  if (!slot) slot = std::make_shared<Pulse>();
  return slot;
}

std::shared_ptr<LiveService> Registry::service(const std::string& name) {
  auto& slot = services_[name];
  if (!slot) slot = std::make_shared<LiveService>(name);
  return slot;
}

std::shared_ptr<limit::SourceTable> Registry::sources(const ServiceSpec& service) {
  if (!service.relay.limits_sources()) return nullptr;
  auto& slot = sources_[service.name];
  if (!slot) slot = std::make_shared<limit::SourceTable>();
  return slot;
}

PoolId Registry::pool(const std::string& name) {
  const auto [it, added] = pools_.try_emplace(name, static_cast<PoolId>(pool_names_.size()));
  if (added) pool_names_.push_back(name);
  return it->second;
}

std::shared_ptr<LiveServer> Registry::find(ServerId id) const {
  return id < by_id_.size() ? by_id_[id] : nullptr;
}

const std::string* Registry::pool_name(PoolId id) const {
  return id < pool_names_.size() ? &pool_names_[id] : nullptr;
}

std::shared_ptr<const Topology> Registry::build(const Spec& spec) {
  auto topology = std::make_shared<Topology>();
  topology->generation = ++generation_;

  std::map<std::string, std::shared_ptr<const Pool>> by_name;
  for (const PoolSpec& pool_spec : spec.pools) {
    auto built = std::make_shared<Pool>();
    built->id = pool(pool_spec.name);
    built->spec = pool_spec;
    built->pulse = pulse(pool_spec.name);
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
  return topology;
}

}  // namespace hapair::lbcore
