// Gratuitous ARP frames (RFC 9568 section 8.1.2): what tells switches and neighbours that a VIP
// lives here now. Pure; `announce` sends them.
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

}  // namespace hapair::vrrp
