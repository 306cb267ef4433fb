#include "lbcore/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <sched.h>

#include "common/units.h"
#include "lbcore/config_keys.h"
#include "lbcore/health/check_files.h"

namespace hapair::lbcore {

namespace {

using config::Config;
using config::Kind;
using config::Section;

constexpr int64_t kMaxWorkers = 256;

/// Turns sections into a Spec and collects every mistake that a key table cannot see.
class Resolver {
 public:
  explicit Resolver(const Config& config) : config_(config) {}

  Result<Loaded> resolve() {
    lbcore_section();
    for (const Section* section : config_.all("pool")) pool(*section);
    for (const Section* section : config_.all("server")) server(*section);
    for (const Section* section : config_.all("service")) service(*section);
    check_transparent_pools();
    check_sources();
    choose_checks_of_datagram_pools();
    warn_about_empty_pools();
    if (!errors_.empty()) return tl::unexpected(Error{errors_});
    loaded_.settings.node = config_.node();
    loaded_.settings.config_hash = config_.hash();
    loaded_.settings.elects = config_.mentions("vrrp");
    return std::move(loaded_);
  }

 private:
  void complain(const Section& section, std::string_view key, std::string_view what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_ += section.error(key, what).message;
  }

  void lbcore_section();
  void timeouts(const Section& section);
  void pool(const Section& section);
  void server(const Section& section);
  void service(const Section& section);
  void datagram_keys(const Section& section, ServiceSpec& service);
  void check_transparent_pools();
  void check_sources();
  void choose_checks_of_datagram_pools();
  void warn_about_empty_pools();

  const Config& config_;
  Loaded loaded_;
  std::string errors_;
};

void Resolver::lbcore_section() {
  Settings& settings = loaded_.settings;
  settings.workers = available_processors();
  const Section* section = config_.find("lbcore");
  if (section == nullptr) return;
  const std::string& workers = section->text("workers");
  if (workers != "auto") {
    const auto number = parse_integer(workers);
    if (number && *number >= 1 && *number <= kMaxWorkers) {
      settings.workers = static_cast<uint32_t>(*number);
    } else {
      complain(*section, "workers",
               fmt::format("'{}' is not valid, valid are auto and 1 to {}", workers, kMaxWorkers));
    }
  }
  settings.serving_lease = section->duration("serving_lease");
  settings.drain_timeout = section->duration("drain_timeout");
  timeouts(*section);
  settings.upgrade_timeout = section->duration("upgrade_timeout");
  settings.max_sessions = static_cast<uint32_t>(section->integer("max_sessions"));
  if (const std::string& restore = section->text("restore"); restore.starts_with('/')) {
    settings.restore = restore;
  } else if (restore != "none") {
    complain(*section, "restore",
             fmt::format("'{}' is not valid, valid are none and an absolute path", restore));
  }
  settings.observe = resolve_observe(*section, [&](std::string_view key, std::string_view what) {
    complain(*section, key, what);
  });
}

void Resolver::timeouts(const Section& section) {
  const auto read = [&](std::string_view key, Duration& out) {
    out = section.duration(key);
    if (out % 1s != Duration::zero())
      complain(section, key, "must be whole seconds, as pairadm --set has them");
  };
  Timeouts& timeouts = loaded_.spec.timeouts;
  read("tcp_timeout", timeouts.tcp);
  read("tcp_fin_timeout", timeouts.tcp_fin);
  read("udp_timeout", timeouts.udp);
}

void Resolver::pool(const Section& section) {
  PoolSpec pool;
  pool.name = section.name();
  if (const auto scheduler = balance::parse_algorithm(section.text("scheduler"))) {
    pool.scheduler = *scheduler;
  } else {
    complain(section, "scheduler", scheduler.error().message);
  }
  if (const auto sticky = parse_sticky(section.text("sticky"))) {
    pool.sticky = *sticky;
  } else {
    complain(section, "sticky", sticky.error().message);
  }
  if (const auto check = health::parse_check(section.text("check"))) {
    pool.check = *check;
  } else {
    complain(section, "check", check.error().message);
  }
  if (const auto usable = health::check_files(pool.check); !usable) {
    complain(section, "check", usable.error().message);
  }
  if (const auto passive = health::parse_passive(section.text("passive"))) {
    pool.passive = *passive;
  } else {
    complain(section, "passive", passive.error().message);
  }
  pool.when_all_down =
      section.text("when_all_down") == "all" ? WhenAllDown::all : WhenAllDown::refuse;
  pool.connect_timeout = section.duration("connect_timeout");
  pool.slow_start = section.duration("slow_start");
  pool.relay = read_pool_relay(section);
  pool.on_down = section.text("on_down") == "keep" ? OnDown::keep : OnDown::free;
  loaded_.spec.pools.push_back(std::move(pool));
}

void Resolver::server(const Section& section) {
  const std::string& title = section.name();
  const size_t slash = title.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == title.size()) {
    complain(section, "", fmt::format("'{}' is not a name of a server, valid is POOL/NAME", title));
    return;
  }
  PoolSpec* pool = loaded_.spec.find_pool(title.substr(0, slash));
  if (pool == nullptr) {
    complain(section, "", fmt::format("there is no [pool {}]", title.substr(0, slash)));
    return;
  }
  const ServerSpec server{
      .name = title.substr(slash + 1),
      .address = section.endpoint("address"),
      .weight = static_cast<uint32_t>(section.integer("weight")),
      .admin = parse_admin(section.text("state")).value(),
      .max_connections = static_cast<uint32_t>(section.integer("max_connections")),
      .min_connections = static_cast<uint32_t>(section.integer("min_connections")),
      .backup = section.yes("backup")};
  if (server.max_connections != 0 && server.min_connections > server.max_connections) {
    complain(section, "min_connections",
             fmt::format("{} is above max_connections, valid are 0 to {}", server.min_connections,
                         server.max_connections));
  }
  if (server.address.port == 0) complain(section, "address", "the port must be 1 to 65535");
  if (server.address.ip.is_unspecified() || server.address.ip.is_multicast()) {
    complain(section, "address",
             fmt::format("{} is not an address of one server", server.address.ip.to_string()));
  }
  if (const auto usable = check_scope(server.address.ip); !usable) {
    complain(section, "address", usable.error().message);
  }
  if (const ServerSpec* other = pool->find_server(server.address)) {
    complain(section, "address",
             fmt::format("{} is already [server {}/{}]", server.address.to_string(), pool->name,
                         other->name));
    return;
  }
  pool->servers.push_back(server);
}

void Resolver::service(const Section& section) {
  static const std::set<std::string_view> kLater{"http", "https", "tls"};
  ServiceSpec service;
  service.name = section.name();
  service.pool = section.text("pool");
  service.relay = read_service_relay(section);
  if (loaded_.spec.find_pool(service.pool) == nullptr) {
    complain(section, "pool", fmt::format("there is no [pool {}]", service.pool));
  }

  const std::string& listen = section.text("listen");
  const size_t space = listen.find_first_of(" \t");
  const std::string protocol = listen.substr(0, space);
  if (kLater.contains(protocol)) {
    complain(section, "listen", fmt::format("{} is not offered yet: tcp and udp are", protocol));
    return;
  }
  if ((protocol != "tcp" && protocol != "udp") || space == std::string::npos) {
    complain(
        section, "listen",
        fmt::format("'{}' is not valid, valid are tcp ADDRESS:PORT and udp ADDRESS:PORT", listen));
    return;
  }
  service.protocol = protocol == "udp" ? Protocol::udp : Protocol::tcp;
  const auto endpoint =
      Endpoint::parse(std::string_view(listen).substr(listen.find_first_not_of(" \t", space)));
  if (!endpoint) {
    complain(section, "listen", endpoint.error().message);
    return;
  }
  if (endpoint->port == 0) {
    complain(section, "listen", "the port must be 1 to 65535");
    return;
  }
  if (const auto usable = check_listen(service.protocol, *endpoint); !usable) {
    complain(section, "listen", usable.error().message);
    return;
  }
  service.listen = *endpoint;
  if (const ServiceSpec* other = loaded_.spec.find_service(service.protocol, *endpoint)) {
    complain(section, "listen",
             fmt::format("{} {} belongs to [service {}] already", protocol, endpoint->to_string(),
                         other->name));
    return;
  }
  datagram_keys(section, service);
  loaded_.spec.services.push_back(std::move(service));
}

void Resolver::datagram_keys(const Section& section, ServiceSpec& service) {
  service.one_shot = section.yes("one_shot");
  if (service.one_shot && service.protocol != Protocol::udp) {
    complain(section, "one_shot", "is for udp services");
  }
  for (const MisplacedKey& each :
       misplaced_service_keys(section, service.protocol == Protocol::udp, service.one_shot)) {
    complain(section, each.key, each.why);
  }
  if (section.has("idle_timeout")) service.idle_timeout = section.duration("idle_timeout");
}

void Resolver::check_transparent_pools() {
  for (const ServiceSpec& service : loaded_.spec.services) {
    const PoolSpec* pool = loaded_.spec.find_pool(service.pool);
    if (pool == nullptr) continue;
    if (const auto fits = check_transparent(service, *pool); !fits) {
      complain(*config_.find("pool", pool->name), "transparent", fits.error().message);
    }
  }
}

void Resolver::check_sources() {
  for (const PoolSpec& pool : loaded_.spec.pools) {
    if (pool.relay.source.empty()) continue;
    const Section& section = *config_.find("pool", pool.name);
    if (const auto usable = check_source(pool); !usable) {
      complain(section, "source", usable.error().message);
    }
    const auto family = [](const IpAddress& ip) { return ip.is_v4() ? "IPv4" : "IPv6"; };
    for (const IpAddress& source : pool.relay.source) {
      const bool used = std::ranges::any_of(pool.servers, [&](const ServerSpec& server) {
        return server.address.ip.family() == source.family();
      });
      if (used || pool.servers.empty()) continue;
      complain(section, "source",
               fmt::format("{} is {}, and no server of the pool is", source.to_string(),
                           family(source)));
    }
    for (const ServerSpec& server : pool.servers) {
      const bool has = std::ranges::any_of(pool.relay.source, [&](const IpAddress& source) {
        return server.address.ip.family() == source.family();
      });
      if (has) continue;
      loaded_.warnings.push_back(fmt::format(
          "{}:{}: [pool {}]: source has no {} address: connections to server {} end "
          "with a handover",
          config_.path(), section.line(), pool.name, family(server.address.ip), server.name));
    }
  }
}

/// The default check asks over TCP, where a UDP server need not listen: it would be down for ever.
void Resolver::choose_checks_of_datagram_pools() {
  for (PoolSpec& pool : loaded_.spec.pools) {
    const Section* section = config_.find("pool", pool.name);
    const auto of_pool = [&](const ServiceSpec& service) { return service.pool == pool.name; };
    const auto by_udp = [](const ServiceSpec& service) {
      return service.protocol == Protocol::udp;
    };
    const auto& services = loaded_.spec.services;
    const bool only_udp =
        std::ranges::any_of(services, of_pool) &&
        std::ranges::all_of(services, [&](const auto& s) { return !of_pool(s) || by_udp(s); });
    if (!only_udp) continue;
    for (const MisplacedKey& each : misplaced_udp_pool_keys(*section)) {
      complain(*section, each.key, each.why);
    }
    if (in_file(*section, "check")) continue;
    pool.check.kind = health::CheckKind::none;
    loaded_.warnings.push_back(fmt::format(
        "{}:{}: [pool {}]: serves udp only and names no check: its servers count as up; dns "
        "and udp are checks for them, check = none agrees",
        config_.path(), section->line(), pool.name));
  }
}

void Resolver::warn_about_empty_pools() {
  for (const PoolSpec& pool : loaded_.spec.pools) {
    if (!pool.servers.empty()) continue;
    const Section* section = config_.find("pool", pool.name);
    loaded_.warnings.push_back(
        fmt::format("{}:{}: [pool {}]: has no servers: connections to it will be refused",
                    config_.path(), section->line(), pool.name));
  }
}

}  // namespace

std::span<const Kind> config_kinds() {
  static const std::array kinds{
      Kind{.name = "lbcore", .named = Kind::Named::never, .keys = kLbcoreKeys},
      Kind{.name = "service", .named = Kind::Named::always, .keys = kServiceKeys},
      Kind{.name = "pool", .named = Kind::Named::always, .keys = kPoolKeys},
      Kind{.name = "server", .named = Kind::Named::always, .keys = kServerKeys},
      config::kPairKind,
      Kind{.name = "vrrp", .named = Kind::Named::always, .keys = {}, .foreign = true},
      Kind{.name = "track", .named = Kind::Named::always, .keys = {}, .foreign = true},
  };
  return kinds;
}

namespace {

Result<Loaded> loaded_from(const Result<Config>& config) {
  if (!config) return tl::unexpected(config.error());
  auto loaded = Resolver(*config).resolve();
  auto pair = config::read_pair(*config);
  if (!pair) {
    if (loaded) return tl::unexpected(pair.error());
    return tl::unexpected(Error{loaded.error().message + '\n' + pair.error().message});
  }
  if (loaded) loaded->settings.pair = std::move(*pair);
  return loaded;
}

}  // namespace

Result<Loaded> load_config(const std::string& path, const std::string& node) {
  return loaded_from(config::load(path, node, config_kinds()));
}

Result<Loaded> load_config_text(std::string_view text, const std::string& path,
                                const std::string& node) {
  return loaded_from(config::load_text(text, path, node, config_kinds()));
}

std::vector<std::string> needs_restart(const Settings& running, const Settings& loaded) {
  std::vector<std::string> keys;
  if (running.workers != loaded.workers) keys.emplace_back("[lbcore] workers");
  if (running.serving_lease != loaded.serving_lease) keys.emplace_back("[lbcore] serving_lease");
  if (running.max_sessions != loaded.max_sessions) keys.emplace_back("[lbcore] max_sessions");
  const auto link = [](const std::optional<config::Pair>& pair) {
    return pair ? std::tuple(pair->own, pair->other, pair->peer)
                : std::tuple(Endpoint{}, Endpoint{}, std::string());
  };
  if (link(running.pair) != link(loaded.pair)) keys.emplace_back("[pair]");
  return keys;
}

uint32_t available_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<uint32_t>(std::clamp<int64_t>(CPU_COUNT(&allowed), 1, kMaxWorkers));
}

}  // namespace hapair::lbcore
