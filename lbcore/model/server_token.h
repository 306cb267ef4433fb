// One 64-bit number for a server's address, the same on every node and in every life of the
// process: what source hashing and the sessions' digest use where a ServerId (local to one process)
// cannot be used.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <xxhash.h>

#include "common/address.h"

namespace hapair::lbcore {

inline uint64_t server_token(const Endpoint& address) {
  std::array<uint8_t, 19> bytes{};  // family, address (zero-padded), port in network order
  bytes[0] = address.ip.is_v4() ? 4 : 6;
  const auto ip = address.ip.bytes();
  std::memcpy(&bytes[1], ip.data(), ip.size());
  bytes[17] = static_cast<uint8_t>(address.port >> 8);
  bytes[18] = static_cast<uint8_t>(address.port & 0xff);
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace hapair::lbcore
