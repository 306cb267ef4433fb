// The VRRPv3 advertisement for IPv4: bytes <-> values, and the checks of RFC 9568 section 7.1 that
// need no state.
//
// Pure: no sockets, no clock. `adv_socket` calls receive() with a whole IPv4 datagram as a raw
// socket delivers it and encode() for what it sends. Nothing that arrives can do more than yield a
// RefuseReason.
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
inline constexpr uint8_t kTtl = 255;                     // RFC 9568 section 5.1.1.3
inline constexpr uint8_t kResignPriority = 0;            // "I stop being Active"
inline constexpr uint8_t kOwnerPriority = 255;           // the router that owns the addresses
inline constexpr uint16_t kMaxIntervalCs = 4095;         // 12 bits
inline constexpr uint32_t kMulticastGroup = 0xe0000012;  // 224.0.0.18, host order

//  RFC 9568 section 5.1
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |Reserve| Max Advertise Interval|          Checksum             |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                       IPv4 addresses                          |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
struct Advertisement {
  uint8_t vrid = 0;
  uint8_t priority = 0;
  uint16_t interval_cs = 0;  // 1..4095 centiseconds
  std::vector<IpAddress> addresses;

  friend bool operator==(const Advertisement&, const Advertisement&) = default;
};

/// What the IPv4 checksum covers: the message alone (RFC 9568 section 5.2.8), or a pseudo-header
/// before it, which keepalived and FRR send. Both are accepted.
enum class ChecksumForm : uint8_t { rfc, pseudo_header };

/// Where a message came from and went to: its IPv4 header.
struct Envelope {
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = kTtl;
};

/// Why a datagram was not taken. The names appear in counters, in the log and in `pairadm status`.
enum class RefuseReason : uint8_t {
  truncated,     // shorter than its headers say
  length,        // not 8 + 4 * count bytes
  version,       // not VRRP version 3
  type,          // not an advertisement
  checksum,      // neither form fits
  vrid,          // another virtual router
  no_addresses,  // count 0
  interval,      // Max Advertise Interval 0
  ttl,           // not 255: it came through a router
  own_source,    // our own address as the sender
  not_the_peer,  // unicast: a sender other than `peer`
  destination,   // multicast where unicast is configured, or the other way round
};
inline constexpr size_t kRefuseReasons = 12;
std::string_view name(RefuseReason reason);

/// The wire form, checksummed for `envelope`. At most 255 addresses, all IPv4.
std::vector<uint8_t> encode(const Advertisement& advertisement, ChecksumForm form,
                            const Envelope& envelope);

struct Decoded {
  Advertisement advertisement;
  ChecksumForm form = ChecksumForm::rfc;
};
/// One VRRP message (what follows the IPv4 header).
tl::expected<Decoded, RefuseReason> decode(std::span<const uint8_t> message,
                                           const Envelope& envelope);

struct Datagram {
  Envelope envelope;
  std::span<const uint8_t> message;
};
/// Splits an IPv4 datagram as a raw socket delivers it (header in network order).
tl::expected<Datagram, RefuseReason> split(std::span<const uint8_t> datagram);

/// What a router accepts.
struct Admission {
  uint8_t vrid = 0;
  IpAddress own;                  // primary address of the interface
  std::optional<IpAddress> peer;  // unicast
  uint8_t least_ttl = kTtl;
};

struct Received {
  Decoded decoded;
  IpAddress source;
};
/// split, admission and decode in the order of RFC 9568 section 7.1.
tl::expected<Received, RefuseReason> receive(std::span<const uint8_t> datagram,
                                             const Admission& admission);

}  // namespace hapair::vrrp
