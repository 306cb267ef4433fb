// vrrpd's part of hapair.conf: the key table of [vrrp NAME], and what it becomes. Called at start,
// by `-t`, on a reload and by --release-addresses; never on the heartbeat loop.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/config/pair_section.h"
#include "common/config/schema.h"
#include "common/pair_key.h"
#include "common/result.h"
#include "vrrpd/config/programs.h"
#include "vrrpd/election/fsm.h"
#include "vrrpd/holding/route.h"
#include "vrrpd/track/track_interface.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

enum class ChecksumChoice : uint8_t {
  automatic,  // pseudo-header (what keepalived takes) until the peer is heard, then the peer's form
  rfc,
  pseudo_header
};

/// Something beyond both nodes that answers.
struct WitnessConfig {
  enum class Kind : uint8_t { neighbour, tcp };  // ARP or Neighbour Discovery; a connection
  Kind kind = Kind::neighbour;
  Endpoint target;  // port 0 for a neighbour
  Duration interval = 1s;

  [[nodiscard]] std::string to_string() const {
    return kind == Kind::tcp ? "tcp " + target.to_string() : target.ip.to_string();
  }
  friend bool operator==(const WitnessConfig&, const WitnessConfig&) = default;
};

/// [pair], and its key.
struct PairConfig {
  config::Pair pair;
  PairKeys keys = {};
};

/// One [vrrp NAME] section.
struct RouterConfig {
  std::string name;
  std::string interface;
  bool virtual_mac = false;
  std::string virtual_mac_interface;  // carries it and the VIPs
  std::string group;                  // of routers that move together; empty: alone
  uint8_t vrid = 0;
  int family = AF_INET;           // of the addresses, all of them
  Parameters parameters;          // own_address is the interface's business and stays empty here
  std::vector<Prefix> addresses;  // the advertised ones; IPv6: a link-local one first, if any
  std::vector<Prefix> extra_addresses;  // held like those, but not advertised; of either family
  std::optional<IpAddress> peer;
  uint8_t least_ttl = kTtl;
  ChecksumChoice checksum = ChecksumChoice::automatic;
  bool track_lbcore = false;
  std::optional<WitnessConfig> witness;
  bool authenticated = false;  // unicast advertisements carry a trailer, and are refused without
  int announcements = 0;       // per takeover
  Duration announce_interval{0};
  HookPrograms hooks;
  std::vector<std::string> track;  // names of [track] sections
  std::vector<TrackInterface> track_interfaces;
  Duration link_debounce{0};
  std::vector<VirtualRoute> routes;

  /// A router with another identity is another router: a reload replaces it instead of changing it.
  [[nodiscard]] bool same_router(const RouterConfig& other) const {
    return name == other.name && interface == other.interface && vrid == other.vrid &&
           family == other.family && virtual_mac == other.virtual_mac &&
           virtual_mac_interface == other.virtual_mac_interface;
  }
  /// Everything that the Active holds, the advertised ones first.
  [[nodiscard]] std::vector<Prefix> all_addresses() const;
  [[nodiscard]] bool is_vip(const IpAddress& ip) const;
  friend bool operator==(const RouterConfig&, const RouterConfig&) = default;
};

struct DaemonConfig {
  std::string node;
  std::optional<PairConfig> pair = {};  // a second heartbeat path
  std::string pair_trouble = {};        // why there is none although [pair] is there
  std::vector<RouterConfig> routers;
  std::vector<TrackScript> scripts;

  /// Whose runners are needed.
  [[nodiscard]] std::set<std::string> hook_users() const;
  /// How long the stop hooks may take; zero without any.
  [[nodiscard]] Duration stop_hooks_take() const;
};

std::span<const config::Kind> config_kinds();

/// Reads, checks and resolves the file; the error has one line per mistake.
Result<DaemonConfig> load_config(const std::string& path, const std::string& node);
/// The same from text; for tests.
Result<DaemonConfig> parse_config(std::string_view text, const std::string& path,
                                  const std::string& node);

}  // namespace hapair::vrrp
