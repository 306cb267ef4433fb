// What an operator asked for of the way connections are relayed: the keys of a [service] that
// concern the client's side, and those of a [pool] that concern the server's. Plain values,
// compared and merged key by key: one list of keys serves the configuration, the reload and the log
// of changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/address.h"
#include "common/clock.h"

namespace hapair::lbcore {

/// The header that tells a server who the client is.
enum class ProxyProtocol : uint8_t { none, v1, v2 };
constexpr std::string_view name(ProxyProtocol version) {
  switch (version) {
    case ProxyProtocol::none:
      return "none";
    case ProxyProtocol::v1:
      return "v1";
    case ProxyProtocol::v2:
      return "v2";
  }
  return "none";
}

struct ServiceRelay {
  std::vector<Prefix> proxy_from = {};  // these must send a PROXY header
  Duration proxy_header_timeout = 3s;
  // Instead of idle_timeout; 0: none; nothing: Timeouts::tcp_fin.
  std::optional<Duration> half_closed_timeout = std::nullopt;

  // 0: no limit. The last two concern one client address each.
  uint32_t max_connections = 0;
  uint32_t max_rate = 0;  // per second
  uint32_t source_max_connections = 0;
  uint32_t source_max_rate = 0;  // per second

  [[nodiscard]] bool limits_sources() const {
    return source_max_connections > 0 || source_max_rate > 0;
  }
  [[nodiscard]] bool limits_any() const {
    return limits_sources() || max_connections > 0 || max_rate > 0;
  }
  friend bool operator==(const ServiceRelay&, const ServiceRelay&) = default;
};

struct PoolRelay {
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
  bool transparent = false;  // servers see connections as the client's own
  // Where connections to servers come from: addresses that move with the VIPs. Empty: this node's.
  std::vector<IpAddress> source = {};
  uint32_t retries = 3;     // further servers that a client is tried with
  uint32_t queue_size = 0;  // clients that wait, per worker, while all servers are full
  Duration queue_timeout = 10s;

  friend bool operator==(const PoolRelay&, const PoolRelay&) = default;
};

/// A key of the configuration and the member that holds it.
template <typename Struct, typename T>
struct RelayKey {
  std::string_view name;
  T Struct::*member;
};
template <typename Struct, typename T>
RelayKey(const char*, T Struct::*) -> RelayKey<Struct, T>;

inline constexpr auto kServiceRelayKeys =
    std::tuple(RelayKey{"proxy_from", &ServiceRelay::proxy_from},
               RelayKey{"proxy_header_timeout", &ServiceRelay::proxy_header_timeout},
               RelayKey{"half_closed_timeout", &ServiceRelay::half_closed_timeout},
               RelayKey{"max_connections", &ServiceRelay::max_connections},
               RelayKey{"max_rate", &ServiceRelay::max_rate},
               RelayKey{"source_max_connections", &ServiceRelay::source_max_connections},
               RelayKey{"source_max_rate", &ServiceRelay::source_max_rate});

inline constexpr auto kPoolRelayKeys = std::tuple(
    RelayKey{"proxy_protocol", &PoolRelay::proxy_protocol},
    RelayKey{"transparent", &PoolRelay::transparent}, RelayKey{"source", &PoolRelay::source},
    RelayKey{"retries", &PoolRelay::retries}, RelayKey{"queue_size", &PoolRelay::queue_size},
    RelayKey{"queue_timeout", &PoolRelay::queue_timeout});

template <typename Visit>
void for_each_key(const ServiceRelay&, Visit visit) {
  std::apply([&](const auto&... key) { (visit(key), ...); }, kServiceRelayKeys);
}
template <typename Visit>
void for_each_key(const PoolRelay&, Visit visit) {
  std::apply([&](const auto&... key) { (visit(key), ...); }, kPoolRelayKeys);
}

/// Key by key: the file's value when it changed there since it was loaded, else the running one.
ServiceRelay merge(const ServiceRelay& loaded, const ServiceRelay& file,
                   const ServiceRelay& running);
PoolRelay merge(const PoolRelay& loaded, const PoolRelay& file, const PoolRelay& running);

/// "idle_timeout 15m -> 1h", one per key that differs.
std::vector<std::string> changes(const ServiceRelay& before, const ServiceRelay& after);
std::vector<std::string> changes(const PoolRelay& before, const PoolRelay& after);

}  // namespace hapair::lbcore
