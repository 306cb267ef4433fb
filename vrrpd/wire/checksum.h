// The Internet checksum (RFC 1071), with the pseudo-headers of IPv4 and IPv6 (RFC 8200 section
// 8.1), and big-endian words. Pure; for `packet` and `ndisc`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/address.h"

namespace hapair::vrrp {

inline uint16_t load16(std::span<const uint8_t> bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

inline void store16(std::span<uint8_t> bytes, size_t offset, uint16_t value) {
  bytes[offset] = static_cast<uint8_t>(value >> 8);
  bytes[offset + 1] = static_cast<uint8_t>(value & 0xff);
}

/// Adds `bytes` to a running sum of 16 bit words.
inline uint32_t add_words(uint32_t sum, std::span<const uint8_t> bytes) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load16(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back() << 8);
  return sum;
}

/// Adds source, destination, protocol and length: for both families the same sum.
inline uint32_t add_pseudo_header(uint32_t sum, const IpAddress& source,
                                  const IpAddress& destination, uint8_t protocol,
                                  size_t message_bytes) {
  sum = add_words(sum, source.bytes());
  sum = add_words(sum, destination.bytes());
  return sum + protocol + static_cast<uint32_t>(message_bytes);
}

/// The sum in 16 bits; the checksum is its complement.
inline uint16_t fold(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

}  // namespace hapair::vrrp
