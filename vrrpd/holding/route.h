// A virtual route: what an Active adds to the kernel's tables beside its VIPs. Pure; read from
// `routes` of the configuration, as `ip route` writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/result.h"

namespace hapair::vrrp {

struct VirtualRoute {
  Prefix to;
  std::optional<IpAddress> via = {};
  std::string dev = {};
  std::optional<IpAddress> src = {};
  uint32_t metric = 0;  // 0: the kernel's own
  uint32_t table = 254;

  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const VirtualRoute&, const VirtualRoute&) = default;
};

/// "NETWORK/LEN|default|default6 [via GATEWAY] [dev IFACE] [src ADDRESS] [metric N] [table N]",
/// with `via`, `dev` or both.
Result<VirtualRoute> parse_route(std::string_view text);

}  // namespace hapair::vrrp
