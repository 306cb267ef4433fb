// ARP frames: the gratuitous ones (RFC 9568 section 8.1.2) tell switches and neighbours that a VIP
// lives here now, a request asks a witness. Pure; `announcer` and `probe` send them.
#pragma once

#include <array>
#include <cstdint>

#include "common/address.h"

namespace hapair::vrrp {

using MacAddress = std::array<uint8_t, 6>;
using ArpFrame = std::array<uint8_t, 42>;  // Ethernet header and ARP body; the driver pads

/// Request and reply are both in use as announcements, and some equipment learns from one of them
/// only.
enum class ArpOperation : uint8_t { request = 1, reply = 2 };

/// `vip` as sender and as target, broadcast. `vip` is IPv4.
ArpFrame gratuitous_arp(ArpOperation operation, const MacAddress& mac, const IpAddress& vip);

/// Asks everybody who has `target`. Both addresses are IPv4.
ArpFrame arp_request(const MacAddress& mac, const IpAddress& sender, const IpAddress& target);

}  // namespace hapair::vrrp
