// The advertisement: bytes <-> values, and the checks of RFC 9568 section 7.1 that need no state.
// VRRPv3 for IPv4 and IPv6, VRRPv2 (RFC 3768) for IPv4.
//
// Pure: no sockets, no clock. A raw socket delivers IPv4 with its header, which split() takes off,
// and IPv6 without: `adv_socket` makes a Datagram of either, `instance` gives it to receive().
// Nothing that arrives can do more than yield a RefuseReason.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/address.h"

namespace hapair::vrrp {

inline constexpr int kIpProtocol = 112;
inline constexpr uint8_t kTtl = 255;              // RFC 9568 section 5.1.1.3
inline constexpr uint8_t kResignPriority = 0;     // "I stop being Active"
inline constexpr uint8_t kOwnerPriority = 255;    // the router that owns the addresses
inline constexpr uint16_t kMaxIntervalCs = 4095;  // 12 bits

/// 224.0.0.18 or ff02::12.
const IpAddress& multicast_group(int family);

//  RFC 9568 section 5.1
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |Reserve| Max Advertise Interval|          Checksum             |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                   IPv4 or IPv6 addresses                      |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
//  RFC 3768 section 5.1 has in the second word, and 8 bytes of authentication data at the end:
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |   Auth Type   |   Adver Int   |          Checksum             |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
struct Advertisement {
  uint8_t version = 3;  // 3, or 2: IPv4 only, whole seconds
  uint8_t vrid = 0;
  uint8_t priority = 0;
  uint16_t interval_cs = 0;  // 1..4095 centiseconds; version 2: 100..25500
  std::vector<IpAddress> addresses;

  friend bool operator==(const Advertisement&, const Advertisement&) = default;
};

/// What the checksum of VRRPv3 over IPv4 covers: the message alone (RFC 9568 section 5.2.8), or a
/// pseudo-header before it, which keepalived and FRR send. Both are accepted. There is no choice
/// elsewhere: IPv6 always has the pseudo-header (RFC 8200 section 8.1), version 2 never.
enum class ChecksumForm : uint8_t { rfc, pseudo_header };

/// Where a message came from and went to: its IP header. Both addresses are of one family.
struct Envelope {
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = kTtl;  // IPv6: hop limit
};

/// Why a datagram was not taken. The names appear in counters, in the log and in `pairadm status`.
enum class RefuseReason : uint8_t {
  truncated,       // shorter than its headers say
  length,          // not as long as its count of addresses demands
  version,         // another VRRP version than ours
  type,            // not an advertisement
  checksum,        // no form fits
  vrid,            // another virtual router
  no_addresses,    // count 0
  interval,        // interval 0
  ttl,             // not 255: it came through a router
  own_source,      // our own address as the sender
  not_the_peer,    // unicast: a sender other than `peer`
  destination,     // multicast where unicast is configured, or the other way round
  auth_type,       // version 2: not "no authentication"
  other_interval,  // version 2: not our own interval
  authentication,  // unicast between two hapair nodes: no trailer, or one of another key
  replayed,        // authentic, but heard before or recorded in another life
};
inline constexpr size_t kRefuseReasons = 16;
std::string_view name(RefuseReason reason);

/// The wire form, checksummed for `envelope`. At most 255 addresses, all of the envelope's family.
std::vector<uint8_t> encode(const Advertisement& advertisement, ChecksumForm form,
                            const Envelope& envelope);

struct Decoded {
  Advertisement advertisement;
  ChecksumForm form = ChecksumForm::rfc;
};
/// One VRRP message (what follows the IP header) of this version.
tl::expected<Decoded, RefuseReason> decode(std::span<const uint8_t> message,
                                           const Envelope& envelope, uint8_t version = 3);

struct Datagram {
  Envelope envelope;
  std::span<const uint8_t> message;
};
/// Splits an IPv4 datagram as a raw socket delivers it (header in network order).
tl::expected<Datagram, RefuseReason> split(std::span<const uint8_t> ipv4_datagram);

/// What a router accepts.
struct Admission {
  uint8_t vrid = 0;
  IpAddress own;                  // where our advertisements come from
  std::optional<IpAddress> peer;  // unicast
  uint8_t least_ttl = kTtl;
  uint8_t version = 3;
  uint16_t interval_cs = 0;  // version 2 only
};

struct Received {
  Decoded decoded;
  IpAddress source;
};
/// Admission and decode in the order of RFC 9568 section 7.1.
tl::expected<Received, RefuseReason> receive(const Datagram& datagram, const Admission& admission);

}  // namespace hapair::vrrp
