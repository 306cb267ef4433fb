// What an operator asked for: plain values, no live state. The configuration file and every pairadm
// command produce a Spec; Balancer::apply turns it into a Topology. Comparing two Specs is how a
// reload knows what changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "lbcore/balance/algorithm.h"
#include "lbcore/health/check_spec.h"
#include "lbcore/health/passive_spec.h"
#include "lbcore/model/relay_spec.h"

namespace hapair::lbcore {

enum class Protocol : uint8_t { tcp, udp };
std::string_view name(Protocol protocol);  // "tcp", "udp"

/// What an operator wants of a server, whatever its checks say. Open connections go on in each.
enum class ServerAdmin : uint8_t {
  enabled,
  drain,     // no new clients; one with a session keeps its server
  disabled,  // nobody, as if it were down
};
std::string_view name(ServerAdmin admin);  // "enabled", "drain", "disabled"
Result<ServerAdmin> parse_admin(std::string_view text);

struct ServerSpec {
  std::string name;  // unique within its pool
  Endpoint address = {};
  uint32_t weight = 1;  // 0: no new connections, old ones finish
  ServerAdmin admin = ServerAdmin::enabled;
  uint32_t max_connections = 0;  // then it is full and gets none; 0: never (IPVS: u-threshold)
  uint32_t min_connections = 0;  // a full one stays so until fewer are open (l-threshold)
  bool backup = false;           // gets connections only while no other server may

  /// What min_connections means: 0 is three quarters of max_connections, as in IPVS.
  [[nodiscard]] uint32_t reopens_below() const;
  friend bool operator==(const ServerSpec&, const ServerSpec&) = default;
};
inline constexpr uint32_t kMaxWeight = (uint32_t{1} << 31) - 1;  // as in IPVS

/// Sticky by source prefix; a timeout of zero means not sticky.
struct StickySpec {
  Duration timeout{0};
  int prefix_v4 = 32;
  int prefix_v6 = 128;

  [[nodiscard]] bool enabled() const { return timeout > Duration::zero(); }
  friend bool operator==(const StickySpec&, const StickySpec&) = default;
};

/// What becomes of clients when no server of a pool is up.
enum class WhenAllDown : uint8_t {
  refuse,  // they are refused at once
  all      // every server is used as if it were up: the checks may be wrong
};
std::string_view name(WhenAllDown policy);  // "refuse", "all"
/// What becomes of a session whose server is down when its client comes.
enum class OnDown : uint8_t {
  free,  // it goes to the server that the client gets instead
  keep,  // it stays: the client returns with its server
};
std::string_view name(OnDown on_down);  // "free", "keep"

struct PoolSpec {
  std::string name;
  balance::Algorithm scheduler = balance::Algorithm::wlc;
  StickySpec sticky = {};
  health::CheckSpec check = {};
  health::PassiveSpec passive = {};
  WhenAllDown when_all_down = WhenAllDown::refuse;
  Duration connect_timeout = 3s;
  Duration slow_start{0};  // a server that comes up has its whole weight only after it
  OnDown on_down = OnDown::free;
  PoolRelay relay = {};
  std::vector<ServerSpec> servers = {};  // in file order; rr follows it

  [[nodiscard]] const ServerSpec* find_server(const Endpoint& address) const;
  [[nodiscard]] ServerSpec* find_server(const Endpoint& address);
  friend bool operator==(const PoolSpec&, const PoolSpec&) = default;
};

/// Of services that set none of their own: [lbcore] tcp_timeout, ..., or `pairadm --set`. The
/// defaults are those of IPVS.
struct Timeouts {
  Duration tcp = 15min;
  Duration tcp_fin = 2min;  // once one side has said that it sends no more
  Duration udp = 5min;

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};
inline constexpr Duration kMostTimeout = std::chrono::hours(31 * 24);  // as in IPVS

struct ServiceSpec {
  std::string name;
  Protocol protocol = Protocol::tcp;
  Endpoint listen = {};
  std::string pool = {};
  std::optional<Duration> idle_timeout = std::nullopt;  // nothing: as Timeouts have it
  bool one_shot = false;                                // UDP: every datagram is scheduled anew
  ServiceRelay relay = {};
  bool runtime = false;  // made or changed by pairadm since the file was loaded

  friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
};

struct Spec {
  std::vector<ServiceSpec> services;
  std::vector<PoolSpec> pools;
  Timeouts timeouts;

  [[nodiscard]] const PoolSpec* find_pool(std::string_view name) const;
  [[nodiscard]] PoolSpec* find_pool(std::string_view name);
  [[nodiscard]] const ServiceSpec* find_service(Protocol protocol, const Endpoint& listen) const;
  [[nodiscard]] ServiceSpec* find_service(Protocol protocol, const Endpoint& listen);
  friend bool operator==(const Spec&, const Spec&) = default;
};

/// Without a byte either way for so long, connections and flows of this service end. One-shot flows
/// only wait for an answer, unless the service says otherwise.
Duration idle_timeout(const ServiceSpec& service, const Timeouts& timeouts);
/// The same when one side has ended; 0: no other.
Duration half_closed_timeout(const ServiceSpec& service, const Timeouts& timeouts);

/// "source/32 10m" or "none", as in the configuration.
Result<StickySpec> parse_sticky(std::string_view text);
std::string to_string(const StickySpec& sticky);

/// Whether a service can listen there, and whether an address can be used without naming an
/// interface; the error says why not.
Status check_listen(Protocol protocol, const Endpoint& listen);
Status check_scope(const IpAddress& ip);
/// Whether the servers of a transparent pool can see the clients of this service.
Status check_transparent(const ServiceSpec& service, const PoolSpec& pool);

/// Whether connections of the pool can come from what it has as `source`.
Status check_source(const PoolSpec& pool);

/// What must hold for every Spec, whoever made it: names and addresses are unique, pools exist,
/// weights are in range. The error names the first thing that does not fit.
Status validate(const Spec& spec);

}  // namespace hapair::lbcore
