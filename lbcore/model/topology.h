// The immutable snapshot that workers route by: every name resolved to live state. A new one is
// built for each change and handed to all workers; connections keep the parts that they use alive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lbcore/limit/source_table.h"
#include "lbcore/model/live.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

using PoolId = uint32_t;  // dense, for as long as the process lives, by name

struct Server {
  ServerSpec spec;
  std::shared_ptr<LiveServer> live;
};

struct Pool {
  PoolId id = 0;
  PoolSpec spec;  // without its servers' details: see `servers`
  std::vector<Server> servers;
  std::shared_ptr<const Pulse> pulse;  // of all its servers
};

struct Service {
  ServiceSpec spec;
  std::shared_ptr<const Pool> pool;
  std::shared_ptr<LiveService> live;
  std::shared_ptr<limit::SourceTable> sources;  // null: no limit concerns single clients
  // Of the service, else the default.
  Duration idle_timeout{};
  Duration half_closed_timeout{};
};

struct Topology {
  uint64_t generation = 0;
  std::vector<std::shared_ptr<const Service>> services;
  std::vector<std::shared_ptr<const Pool>> pools;
};

/// Gives names their live state; the one place that creates it. Main thread only.
class Registry {
 public:
  std::shared_ptr<LiveServer> server(const std::string& pool, const Endpoint& address);
  std::shared_ptr<LiveService> service(const std::string& name);
  /// The clients of a service whose limits concern them; null for another one.
  std::shared_ptr<limit::SourceTable> sources(const ServiceSpec& service);
  PoolId pool(const std::string& name);

  /// The server with this number, or null. Also for servers that only the peer knows (their
  /// sessions are kept).
  [[nodiscard]] std::shared_ptr<LiveServer> find(ServerId id) const;
  [[nodiscard]] const std::string* pool_name(PoolId id) const;

  /// `spec` must be valid (validate()).
  std::shared_ptr<const Topology> build(const Spec& spec);

 private:
  std::shared_ptr<Pulse> pulse(const std::string& pool);

  std::map<std::pair<std::string, Endpoint>, std::shared_ptr<LiveServer>> servers_;
  std::vector<std::shared_ptr<LiveServer>> by_id_;
  std::map<std::string, std::shared_ptr<LiveService>> services_;
  std::map<std::string, std::shared_ptr<limit::SourceTable>> sources_;  // by service
  std::map<std::string, PoolId> pools_;
  std::map<std::string, std::shared_ptr<Pulse>> pulses_;  // by pool
  std::vector<std::string> pool_names_;
  uint64_t generation_ = 0;
};

}  // namespace hapair::lbcore
