#include "lbcore/model/spec_diff.h"

#include "common/units.h"

namespace hapair::lbcore {

namespace {

std::string listen_text(const ServiceSpec& service) {
  return fmt::format("{} {}", name(service.protocol), service.listen.to_string());
}

std::string text_of(const std::optional<Duration>& timeout) {
  return timeout ? format_duration(*timeout) : "default";
}

class Writer {
 public:
  explicit Writer(std::vector<std::string>& lines) : lines_(lines) {}

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void timeouts(const Timeouts& before, const Timeouts& after);
  void services(const Spec& before, const Spec& after);
  void pools(const Spec& before, const Spec& after);

 private:
  void pool(const PoolSpec& before, const PoolSpec& after);
  void servers(const PoolSpec& before, const PoolSpec& after);

  std::vector<std::string>& lines_;
};

void Writer::timeouts(const Timeouts& before, const Timeouts& after) {
  const auto one = [this](std::string_view name, Duration was, Duration now) {
    if (was != now) {
      line("default {}: {} -> {}", name, format_duration(was), format_duration(now));
    }
  };
  one("tcp_timeout", before.tcp, after.tcp);
  one("tcp_fin_timeout", before.tcp_fin, after.tcp_fin);
  one("udp_timeout", before.udp, after.udp);
}

void Writer::services(const Spec& before, const Spec& after) {
  for (const ServiceSpec& now : after.services) {
    const ServiceSpec* was = before.find_service(now.protocol, now.listen);
    if (was == nullptr) {
      line("service {}: added on {}, pool {}", now.name, listen_text(now), now.pool);
      continue;
    }
    if (was->name != now.name) line("service {}: now named {}", was->name, now.name);
    if (was->pool != now.pool) line("service {}: pool {} -> {}", now.name, was->pool, now.pool);
    if (was->idle_timeout != now.idle_timeout) {
      line("service {}: idle_timeout {} -> {}", now.name, text_of(was->idle_timeout),
           text_of(now.idle_timeout));
    }
    if (was->one_shot != now.one_shot) {
      line("service {}: one_shot {}", now.name, now.one_shot ? "no -> yes" : "yes -> no");
    }
    for (const std::string& change : changes(was->relay, now.relay)) {
      line("service {}: {}", now.name, change);
    }
  }
  for (const ServiceSpec& was : before.services) {
    if (after.find_service(was.protocol, was.listen) == nullptr) {
      line("service {}: removed from {}", was.name, listen_text(was));
    }
  }
}

void Writer::pools(const Spec& before, const Spec& after) {
  for (const PoolSpec& now : after.pools) {
    const PoolSpec* was = before.find_pool(now.name);
    if (was == nullptr) {
      line("pool {}: added with {} servers", now.name, now.servers.size());
    } else if (*was != now) {
      pool(*was, now);
    }
  }
  for (const PoolSpec& was : before.pools) {
    if (after.find_pool(was.name) == nullptr) line("pool {}: removed", was.name);
  }
}

void Writer::pool(const PoolSpec& before, const PoolSpec& after) {
  const std::string& pool = after.name;
  if (before.scheduler != after.scheduler) {
    line("pool {}: scheduler {} -> {}", pool, balance::name(before.scheduler),
         balance::name(after.scheduler));
  }
  if (before.sticky != after.sticky) {
    line("pool {}: sticky {} -> {}", pool, to_string(before.sticky), to_string(after.sticky));
  }
  if (before.check != after.check) line("pool {}: check changed", pool);
  if (before.passive != after.passive) {
    line("pool {}: passive {} -> {}", pool, to_string(before.passive), to_string(after.passive));
  }
  if (before.when_all_down != after.when_all_down) {
    line("pool {}: when_all_down {} -> {}", pool, name(before.when_all_down),
         name(after.when_all_down));
  }
  if (before.connect_timeout != after.connect_timeout) {
    line("pool {}: connect_timeout {} -> {}", pool, format_duration(before.connect_timeout),
         format_duration(after.connect_timeout));
  }
  if (before.slow_start != after.slow_start) {
    line("pool {}: slow_start {} -> {}", pool, format_duration(before.slow_start),
         format_duration(after.slow_start));
  }
  for (const std::string& change : changes(before.relay, after.relay)) {
    line("pool {}: {}", pool, change);
  }
  if (before.on_down != after.on_down) {
    line("pool {}: on_down {} -> {}", pool, name(before.on_down), name(after.on_down));
  }
  servers(before, after);
}

void Writer::servers(const PoolSpec& before, const PoolSpec& after) {
  const std::string& pool = after.name;
  const size_t lines_before = lines_.size();
  for (const ServerSpec& now : after.servers) {
    const ServerSpec* was = before.find_server(now.address);
    if (was == nullptr) {
      line("server {}/{}: added, {} weight {}", pool, now.name, now.address.to_string(),
           now.weight);
      continue;
    }
    if (was->name != now.name) line("server {}/{}: now named {}", pool, was->name, now.name);
    if (was->weight != now.weight) {
      line("server {}/{}: weight {} -> {}", pool, now.name, was->weight, now.weight);
    }
    if (was->admin != now.admin) {
      line("server {}/{}: {} -> {}", pool, now.name, name(was->admin), name(now.admin));
    }
    if (was->max_connections != now.max_connections) {
      line("server {}/{}: max_connections {} -> {}", pool, now.name, was->max_connections,
           now.max_connections);
    }
    if (was->min_connections != now.min_connections) {
      line("server {}/{}: min_connections {} -> {}", pool, now.name, was->min_connections,
           now.min_connections);
    }
    if (was->backup != now.backup) {
      line("server {}/{}: {} a backup", pool, now.name, now.backup ? "now" : "no longer");
    }
  }
  for (const ServerSpec& was : before.servers) {
    if (after.find_server(was.address) == nullptr) {
      line("server {}/{}: removed, {}", pool, was.name, was.address.to_string());
    }
  }
  if (lines_.size() == lines_before && before.servers != after.servers) {
    line("pool {}: servers are in another order", pool);
  }
}

}  // namespace

SpecDiff diff(const Spec& before, const Spec& after) {
  SpecDiff out;
  for (const ServiceSpec& service : after.services) {
    if (before.find_service(service.protocol, service.listen) == nullptr) {
      out.opened.emplace_back(service.protocol, service.listen);
    }
  }
  for (const ServiceSpec& service : before.services) {
    if (after.find_service(service.protocol, service.listen) == nullptr) {
      out.closed.emplace_back(service.protocol, service.listen);
    }
  }
  Writer writer(out.lines);
  writer.timeouts(before.timeouts, after.timeouts);
  writer.services(before, after);
  writer.pools(before, after);
  return out;
}

}  // namespace hapair::lbcore
