#include "lbcore/model/reload.h"

#include <utility>

namespace hapair::lbcore {

namespace {

/// One value: the file's when it changed there, else the running one.
template <typename T>
T merge_value(const T& loaded, const T& file, const T& running) {
  return file == loaded ? running : file;
}

/// One named thing. Null stands for "does not exist"; `merge` is called when all three have it.
/// Nothing comes back when it shall not exist.
template <typename T, typename Merge>
const T* choose(const T* loaded, const T* file, const T* running, T& merged, Merge merge) {
  if (file == nullptr) return loaded == nullptr ? running : nullptr;  // never in the file; removed
  if (loaded == nullptr) return file;                                 // new in the file
  if (running == nullptr) return *file == *loaded ? nullptr : file;   // deleted by pairadm
  merged = merge(*loaded, *file, *running);
  return &merged;
}

ServerSpec merge_server(const ServerSpec& loaded, const ServerSpec& file,
                        const ServerSpec& running) {
  // Together: one from the file and one from pairadm might not fit each other.
  const auto limits = [](const ServerSpec& spec) {
    return std::pair(spec.max_connections, spec.min_connections);
  };
  const auto [most, reopen] = merge_value(limits(loaded), limits(file), limits(running));
  return {.name = merge_value(loaded.name, file.name, running.name),
          .address = file.address,
          .weight = merge_value(loaded.weight, file.weight, running.weight),
          .admin = merge_value(loaded.admin, file.admin, running.admin),
          .max_connections = most,
          .min_connections = reopen,
          .backup = merge_value(loaded.backup, file.backup, running.backup)};
}

std::vector<ServerSpec> merge_servers(const PoolSpec& loaded, const PoolSpec& file,
                                      const PoolSpec& running) {
  std::vector<ServerSpec> out;
  ServerSpec merged;
  for (const ServerSpec& server : file.servers) {
    const ServerSpec* chosen = choose(loaded.find_server(server.address), &server,
                                      running.find_server(server.address), merged, merge_server);
    if (chosen != nullptr) out.push_back(*chosen);
  }
  for (const ServerSpec& server : running.servers) {
    const bool in_file = file.find_server(server.address) != nullptr;
    const bool was_in_file = loaded.find_server(server.address) != nullptr;
    if (!in_file && !was_in_file) out.push_back(server);
  }
  return out;
}

PoolSpec merge_pool(const PoolSpec& loaded, const PoolSpec& file, const PoolSpec& running) {
  return {
      .name = file.name,
      .scheduler = merge_value(loaded.scheduler, file.scheduler, running.scheduler),
      .sticky = merge_value(loaded.sticky, file.sticky, running.sticky),
      .check = merge_value(loaded.check, file.check, running.check),
      .passive = merge_value(loaded.passive, file.passive, running.passive),
      .when_all_down = merge_value(loaded.when_all_down, file.when_all_down, running.when_all_down),
      .connect_timeout =
          merge_value(loaded.connect_timeout, file.connect_timeout, running.connect_timeout),
      .slow_start = merge_value(loaded.slow_start, file.slow_start, running.slow_start),
      .on_down = merge_value(loaded.on_down, file.on_down, running.on_down),
      .relay = merge(loaded.relay, file.relay, running.relay),
      .servers = merge_servers(loaded, file, running)};
}

ServiceSpec merge_service(const ServiceSpec& loaded, const ServiceSpec& file,
                          const ServiceSpec& running) {
  return {.name = merge_value(loaded.name, file.name, running.name),
          .protocol = file.protocol,
          .listen = file.listen,
          .pool = merge_value(loaded.pool, file.pool, running.pool),
          .idle_timeout = merge_value(loaded.idle_timeout, file.idle_timeout, running.idle_timeout),
          .one_shot = merge_value(loaded.one_shot, file.one_shot, running.one_shot),
          .relay = merge(loaded.relay, file.relay, running.relay),
          .runtime = running.runtime};
}

Timeouts merge_timeouts(const Timeouts& loaded, const Timeouts& file, const Timeouts& running) {
  return {.tcp = merge_value(loaded.tcp, file.tcp, running.tcp),
          .tcp_fin = merge_value(loaded.tcp_fin, file.tcp_fin, running.tcp_fin),
          .udp = merge_value(loaded.udp, file.udp, running.udp)};
}

void merge_pools(const Spec& loaded, const Spec& file, const Spec& running, Spec& out) {
  PoolSpec merged;
  for (const PoolSpec& pool : file.pools) {
    const PoolSpec* chosen = choose(loaded.find_pool(pool.name), &pool,
                                    running.find_pool(pool.name), merged, merge_pool);
    if (chosen != nullptr) out.pools.push_back(*chosen);
  }
  for (const PoolSpec& pool : running.pools) {
    if (file.find_pool(pool.name) == nullptr && loaded.find_pool(pool.name) == nullptr) {
      out.pools.push_back(pool);
    }
  }
}

void merge_services(const Spec& loaded, const Spec& file, const Spec& running, Spec& out) {
  ServiceSpec merged;
  for (const ServiceSpec& service : file.services) {
    const auto in = [&](const Spec& spec) {
      return spec.find_service(service.protocol, service.listen);
    };
    const ServiceSpec* chosen = choose(in(loaded), &service, in(running), merged, merge_service);
    if (chosen != nullptr) out.services.push_back(*chosen);
  }
  for (const ServiceSpec& service : running.services) {
    if (file.find_service(service.protocol, service.listen) == nullptr &&
        loaded.find_service(service.protocol, service.listen) == nullptr) {
      out.services.push_back(service);
    }
  }
}

/// A service may keep a pool alive that the rules above let go: what runs, else the file's.
void keep_used_pools(const Spec& file, const Spec& running, Spec& out) {
  for (const ServiceSpec& service : out.services) {
    if (out.find_pool(service.pool) != nullptr) continue;
    const PoolSpec* kept = running.find_pool(service.pool);
    if (kept == nullptr) kept = file.find_pool(service.pool);
    if (kept != nullptr) out.pools.push_back(*kept);
  }
}

}  // namespace

/// A service is as in the file when it and its pool are.
void mark_runtime(const Spec& file, Spec& out) {
  for (ServiceSpec& service : out.services) {
    service.runtime = false;
    const ServiceSpec* in_file = file.find_service(service.protocol, service.listen);
    const PoolSpec* pool_in_file = file.find_pool(service.pool);
    const PoolSpec* pool = out.find_pool(service.pool);
    service.runtime = in_file == nullptr || *in_file != service || pool_in_file == nullptr ||
                      pool == nullptr || *pool_in_file != *pool;
  }
}

Spec merge_reload(const Spec& loaded, const Spec& file, const Spec& running) {
  Spec out;
  merge_pools(loaded, file, running, out);
  merge_services(loaded, file, running, out);
  out.timeouts = merge_timeouts(loaded.timeouts, file.timeouts, running.timeouts);
  keep_used_pools(file, running, out);
  mark_runtime(file, out);
  return out;
}

}  // namespace hapair::lbcore
