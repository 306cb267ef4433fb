// Which of an interface's addresses a router's advertisements come from, the address that breaks
// ties as well (RFC 9568 sections 5.1.1.1, 5.1.2.1). Pure; called by `instance` on every change of
// the interface.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "common/address.h"
#include "vrrpd/config/config.h"
#include "vrrpd/kernel/link_monitor.h"

namespace hapair::vrrp {

/// IPv4: the primary address. IPv6: the link-local one; towards a unicast peer with another
/// address, one that the peer can answer, of its network if possible. Never a VIP, unless the
/// router owns its VIPs and the interface has nothing else. The error says what is missing.
tl::expected<IpAddress, std::string> source_address(const Interface& interface,
                                                    const RouterConfig& router);

}  // namespace hapair::vrrp
