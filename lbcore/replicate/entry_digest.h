// The digest of what a snapshot carries: a sum over entries of hash(key, version) x factor(pool,
// server address), modulo 2^64. Sender and receiver each compute it from their own side of the
// wire, so it covers encoding, dictionary and count. It finds mistakes of ours, not forgeries: the
// link authenticates.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/address.h"
#include "lbcore/sticky/session_table.h"

namespace hapair::lbcore::replicate {

/// The finaliser of splitmix64: every input bit reaches every output bit.
constexpr uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

inline uint64_t entry_hash(const IpAddress& key, uint64_t version) {
  const auto bytes = key.bytes();
  uint64_t words[2] = {0, 0};
  std::memcpy(words, bytes.data(), bytes.size());
  return mix(mix(mix(words[0] + bytes.size()) + words[1]) + version);
}

inline uint64_t pool_hash(std::string_view pool) {
  uint64_t hash = pool.size();
  for (const char c : pool) hash = mix(hash + static_cast<uint8_t>(c));
  return hash;
}

/// Odd, so that multiplying by it loses nothing.
inline uint64_t server_factor(std::string_view pool, const Endpoint& address) {
  return mix(pool_hash(pool) + entry_hash(address.ip, address.port)) | 1U;
}

/// What a pool adds to the digest over all pools, the one that people compare; an empty one
/// nothing.
inline uint64_t pool_share(std::string_view pool, const sticky::TableDigest& digest) {
  return (mix(pool_hash(pool)) | 1U) * (digest.sum + digest.entries);
}

}  // namespace hapair::lbcore::replicate
