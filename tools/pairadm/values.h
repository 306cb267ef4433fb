// The values of options, as ipvsadm writes them. Pure but for the names that `Names` resolves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/result.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

/// host[:port] with the port left open when it is not there or 0.
struct Target {
  IpAddress ip;
  std::optional<uint16_t> port;
};

/// "192.0.2.10:80", "192.0.2.10", "www:http", "[2001:db8::1]:80", "2001:db8::1". IPv6 with a port
/// needs brackets.
Result<Target> parse_target(std::string_view text, bool ipv6, const Names& names);

/// Seconds of -p: 1 .. 2678400; 0 only where it means "off".
Result<uint32_t> parse_persistent(std::string_view text, bool zero_is_off);
inline constexpr uint32_t kBarePersistentSeconds = 360;

/// Weight: 0 .. 2^31-1.
Result<uint32_t> parse_weight(std::string_view text);

/// -x and -y: 0 .. 2^31-1 connections.
Result<uint32_t> parse_threshold(std::string_view option, std::string_view text);

/// -b: flags, with commas between them. Hashing here always falls back to another server when the
/// right one is out, so sh-fallback and mh-fallback change nothing; there are no others.
Status check_sched_flags(std::string_view text);

/// "255.255.255.0" -> 24 for IPv4, "64" -> 64 for IPv6.
Result<uint32_t> parse_netmask(std::string_view text, bool ipv6);

/// 24 -> "255.255.255.0".
std::string netmask_text(uint32_t prefix_length);

}  // namespace hapair::pairadm
