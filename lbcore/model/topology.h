// The immutable snapshot that workers route by: every name resolved to live state. A new one is
// built for each change and handed to all workers; connections keep the parts that they use alive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
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

/// Gives names their live state; the one place that creates it. What no Spec has any more, and
/// nobody holds, is remembered for a while: who removes a server and adds it again finds its
/// figures as they were. Main thread only.
class Registry {
 public:
  /// Servers, and likewise services and pools, that are remembered; then the one unused for longest
  /// is forgotten.
  static constexpr size_t kRemembered = 1024;

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
  using ServerName = std::pair<std::string, Endpoint>;  // of its pool, and its address
  struct KnownServer {
    std::shared_ptr<LiveServer> live;
    uint64_t used = 0;  // generation
  };
  struct KnownService {
    std::shared_ptr<LiveService> live;
    std::shared_ptr<limit::SourceTable> sources;
    uint64_t used = 0;
  };
  struct KnownPool {
    PoolId id = 0;
    std::shared_ptr<Pulse> pulse;
    uint64_t used = 0;
  };
  KnownService& known_service(const std::string& name);
  KnownPool& known_pool(const std::string& name);
  void forget_unused();

  std::map<ServerName, KnownServer> servers_;
  std::unordered_map<ServerId, ServerName> server_names_;
  std::map<std::string, KnownService> services_;
  std::map<std::string, KnownPool> pools_;
  std::unordered_map<PoolId, std::string> pool_names_;
  // Numbers are never used again: sessions and the peer's link know things by them.
  ServerId next_server_ = 0;
  PoolId next_pool_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace hapair::lbcore
