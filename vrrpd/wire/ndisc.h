// Unsolicited Neighbour Advertisements (RFC 9568 section 8.2.2, RFC 4861 section 4.4): what tells
// switches and neighbours that an IPv6 VIP lives here now. Pure; `announcer` sends them.
#pragma once

#include <array>
#include <cstdint>

#include "common/address.h"
#include "vrrpd/wire/arp.h"

namespace hapair::vrrp {

/// Ethernet header, IPv6 header, the message and its one option.
using NeighbourFrame = std::array<uint8_t, 14 + 40 + 24 + 8>;

/// To all nodes (ff02::1), from `vip` and about it: Router and Override set, Solicited not. `vip`
/// is IPv6.
NeighbourFrame unsolicited_advertisement(const MacAddress& mac, const IpAddress& vip);

/// Asks who has `target`, from `sender` to the target's solicited-node group (RFC 4861
/// section 4.3). Both addresses are IPv6.
NeighbourFrame solicitation(const MacAddress& mac, const IpAddress& sender,
                            const IpAddress& target);

}  // namespace hapair::vrrp
