#include "lbcore/model/spec.h"

#include <algorithm>
#include <set>

#include "common/units.h"

namespace hapair::lbcore {

namespace {

constexpr Duration kMinStickyTimeout = 1s;
constexpr Duration kMaxStickyTimeout = std::chrono::hours(31 * 24);  // as `ipvsadm -p`

constexpr Duration kOneShotTimeout = 5s;

template <typename List>
auto* find_by_name(List& list, std::string_view wanted) {
  const auto found = std::ranges::find_if(list, [&](const auto& it) { return it.name == wanted; });
  return found == list.end() ? nullptr : &*found;
}

template <typename List>
auto* find_by_address(List& list, const Endpoint& address) {
  const auto found =
      std::ranges::find_if(list, [&](const auto& it) { return it.address == address; });
  return found == list.end() ? nullptr : &*found;
}

template <typename List>
auto* find_by_listen(List& list, Protocol protocol, const Endpoint& listen) {
  const auto found = std::ranges::find_if(
      list, [&](const auto& it) { return it.protocol == protocol && it.listen == listen; });
  return found == list.end() ? nullptr : &*found;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

Status validate_pool(const PoolSpec& pool) {
  std::set<std::string_view> names;
  std::set<Endpoint> addresses;
  for (const ServerSpec& server : pool.servers) {
    if (!names.insert(server.name).second) {
      return fail("pool {} has two servers named {}", pool.name, server.name);
    }
    if (!addresses.insert(server.address).second) {
      return fail("pool {} has two servers at {}", pool.name, server.address.to_string());
    }
    if (server.max_connections != 0 && server.min_connections > server.max_connections) {
      return fail("server {}/{}: min_connections {} is above max_connections {}", pool.name,
                  server.name, server.min_connections, server.max_connections);
    }
    if (auto usable = check_scope(server.address.ip); !usable) {
      return fail("server {}/{}: {}", pool.name, server.name, usable.error().message);
    }
    if (server.weight > kMaxWeight) {
      return fail("server {}/{}: weight {} is out of range, valid are 0 to {}", pool.name,
                  server.name, server.weight, kMaxWeight);
    }
  }
  return {};
}

}  // namespace

std::string_view name(Protocol protocol) {
  return protocol == Protocol::tcp ? "tcp" : "udp";
}

std::string_view name(WhenAllDown policy) {
  return policy == WhenAllDown::all ? "all" : "refuse";
}

std::string_view name(ServerAdmin admin) {
  switch (admin) {
    case ServerAdmin::enabled:
      return "enabled";
    case ServerAdmin::drain:
      return "drain";
    case ServerAdmin::disabled:
      return "disabled";
  }
  return "unknown";
}

std::string_view name(OnDown on_down) {
  return on_down == OnDown::keep ? "keep" : "free";
}

Result<ServerAdmin> parse_admin(std::string_view text) {
  for (const auto admin : {ServerAdmin::enabled, ServerAdmin::drain, ServerAdmin::disabled}) {
    if (name(admin) == text) return admin;
  }
  return fail("unknown state '{}'; valid are enabled, drain, disabled", text);
}

uint32_t ServerSpec::reopens_below() const {
  if (min_connections != 0) return min_connections;
  return static_cast<uint32_t>((uint64_t{max_connections} * 3 + 3) / 4);
}

const ServerSpec* PoolSpec::find_server(const Endpoint& address) const {
  return find_by_address(servers, address);
}
ServerSpec* PoolSpec::find_server(const Endpoint& address) {
  return find_by_address(servers, address);
}

const PoolSpec* Spec::find_pool(std::string_view wanted) const {
  return find_by_name(pools, wanted);
}
PoolSpec* Spec::find_pool(std::string_view wanted) {
  return find_by_name(pools, wanted);
}

const ServiceSpec* Spec::find_service(Protocol protocol, const Endpoint& listen) const {
  return find_by_listen(services, protocol, listen);
}
ServiceSpec* Spec::find_service(Protocol protocol, const Endpoint& listen) {
  return find_by_listen(services, protocol, listen);
}

Result<StickySpec> parse_sticky(std::string_view text) {
  constexpr std::string_view kValid = "valid: none, or source/PREFIX TIMEOUT as in source/32 10m";
  const auto words = words_of(text);
  if (words.size() == 1 && words[0] == "none") return StickySpec{};
  if (words.empty()) return fail("is empty; {}", kValid);
  if (words[0] == "cookie" || words[0] == "header") {
    return fail("{} needs an HTTP service, which is not offered yet; {}", words[0], kValid);
  }
  constexpr std::string_view kSource = "source/";
  if (!words[0].starts_with(kSource)) return fail("'{}' is not known; {}", words[0], kValid);
  if (words.size() == 1) return fail("'{}' has no timeout; {}", words[0], kValid);
  if (words.size() > 2) return fail("'{}' is too much; {}", words[2], kValid);

  StickySpec sticky;
  const std::string_view lengths = words[0].substr(kSource.size());
  const size_t slash = lengths.find('/');
  const auto first = parse_integer(lengths.substr(0, slash));
  if (slash != std::string_view::npos) {
    const auto second = parse_integer(lengths.substr(slash + 1));
    if (!first || *first < 1 || *first > 32 || !second || *second < 1 || *second > 128) {
      return fail("'{}': the prefix lengths must be 1 to 32 (IPv4) and 1 to 128 (IPv6)", words[0]);
    }
    sticky.prefix_v4 = static_cast<int>(*first);
    sticky.prefix_v6 = static_cast<int>(*second);
  } else {
    if (!first || *first < 1 || *first > 128) {
      return fail("'{}': the prefix length must be 1 to 32 (IPv4) or 1 to 128 (IPv6)", words[0]);
    }
    // One number: up to 32 it is meant for IPv4, and IPv6 keeps whole addresses; else the reverse.
    (*first <= 32 ? sticky.prefix_v4 : sticky.prefix_v6) = static_cast<int>(*first);
  }
  const auto timeout = parse_duration(words[1]);
  if (!timeout) return fail("timeout {}", timeout.error().message);
  if (*timeout < kMinStickyTimeout || *timeout > kMaxStickyTimeout) {
    return fail("timeout {} is out of range, valid are {} to {}", words[1],
                format_duration(kMinStickyTimeout), format_duration(kMaxStickyTimeout));
  }
  sticky.timeout = *timeout;
  return sticky;
}

std::string to_string(const StickySpec& sticky) {
  if (!sticky.enabled()) return "none";
  const std::string timeout = format_duration(sticky.timeout);
  const bool v6_is_whole = sticky.prefix_v6 == StickySpec{}.prefix_v6;
  const bool v4_is_whole = sticky.prefix_v4 == StickySpec{}.prefix_v4;
  if (v6_is_whole) return fmt::format("source/{} {}", sticky.prefix_v4, timeout);
  if (v4_is_whole && sticky.prefix_v6 > 32)
    return fmt::format("source/{} {}", sticky.prefix_v6, timeout);
  return fmt::format("source/{}/{} {}", sticky.prefix_v4, sticky.prefix_v6, timeout);
}

Duration idle_timeout(const ServiceSpec& service, const Timeouts& timeouts) {
  if (service.idle_timeout) return *service.idle_timeout;
  if (service.protocol == Protocol::tcp) return timeouts.tcp;
  return service.one_shot ? kOneShotTimeout : timeouts.udp;
}

Duration half_closed_timeout(const ServiceSpec& service, const Timeouts& timeouts) {
  return service.relay.half_closed_timeout.value_or(timeouts.tcp_fin);
}

Status check_listen(Protocol protocol, const Endpoint& listen) {
  if (listen.ip.is_multicast()) return fail("{} is a multicast address", listen.ip.to_string());
  if (protocol == Protocol::udp && listen.ip.is_unspecified()) {
    return fail("udp needs an address: answers leave from the one that was asked");
  }
  if (auto usable = check_scope(listen.ip); !usable) return usable;
  return {};
}

Status check_scope(const IpAddress& ip) {
  if (ip.is_v4() || !ip.is_link_local()) return {};
  return fail("{} is link-local and means nothing without an interface; use another address",
              ip.to_string());
}

Status check_transparent(const ServiceSpec& service, const PoolSpec& pool) {
  if (!pool.relay.transparent) return {};
  if (service.protocol == Protocol::udp) {
    return fail("service {} is udp, and transparent is for tcp", service.name);
  }
  const auto family = [](const Endpoint& endpoint) {
    return endpoint.ip.is_v4() ? "IPv4" : "IPv6";
  };
  for (const ServerSpec& server : pool.servers) {
    if (server.address.ip.family() == service.listen.ip.family()) continue;
    return fail("service {} has {} clients, which server {} ({}) cannot see as themselves",
                service.name, family(service.listen), server.address.to_string(),
                family(server.address));
  }
  return {};
}

Status check_source(const PoolSpec& pool) {
  const auto& sources = pool.relay.source;
  if (!sources.empty() && pool.relay.transparent) {
    return fail("is not for transparent pools: their servers see the clients' addresses");
  }
  std::set<IpAddress> seen;
  for (const IpAddress& source : sources) {
    if (source.is_unspecified() || source.is_multicast()) {
      return fail("{} is not an address of one node", source.to_string());
    }
    if (auto usable = check_scope(source); !usable) return usable;
    if (!seen.insert(source).second) return fail("{} is there twice", source.to_string());
  }
  return {};
}

Status validate(const Spec& spec) {
  std::set<std::string_view> pools;
  for (const PoolSpec& pool : spec.pools) {
    if (!pools.insert(pool.name).second) return fail("there are two pools named {}", pool.name);
    if (auto status = validate_pool(pool); !status) return status;
    if (auto usable = check_source(pool); !usable) {
      return fail("pool {}: source: {}", pool.name, usable.error().message);
    }
  }
  std::set<std::string_view> names;
  std::set<std::pair<Protocol, Endpoint>> listens;
  for (const ServiceSpec& service : spec.services) {
    if (auto usable = check_listen(service.protocol, service.listen); !usable) {
      return fail("service {}: {}", service.name, usable.error().message);
    }
    if (service.one_shot && service.protocol != Protocol::udp) {
      return fail("service {}: one-shot is for udp", service.name);
    }
    if (service.protocol == Protocol::udp && !service.relay.proxy_from.empty()) {
      return fail("service {}: proxy_from is for tcp", service.name);
    }
    if (service.one_shot && service.relay.limits_any()) {
      return fail("service {}: one-shot has no limits of connections", service.name);
    }
    if (!names.insert(service.name).second) {
      return fail("there are two services named {}", service.name);
    }
    if (!listens.insert({service.protocol, service.listen}).second) {
      return fail("service {}: {} {} belongs to another service", service.name,
                  name(service.protocol), service.listen.to_string());
    }
    if (!pools.contains(service.pool)) {
      return fail("service {}: there is no pool {}", service.name, service.pool);
    }
    if (auto fits = check_transparent(service, *spec.find_pool(service.pool)); !fits) {
      return fail("pool {}: transparent: {}", service.pool, fits.error().message);
    }
  }
  return {};
}

}  // namespace hapair::lbcore
