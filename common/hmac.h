// HMAC-SHA256, truncated to 128 bits (RFC 4231, RFC 4868), for datagrams between two nodes of a
// pair.
//
// The pair's key signs nothing itself: each use derives a key of its own from it (derive_key),
// whose label names protocol and direction, so that no datagram of one use passes for one of
// another.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/pair_key.h"

namespace hapair {

using MacKey = std::array<uint8_t, 32>;
using MacTag = std::array<uint8_t, 16>;

MacKey derive_key(const PairKey& key, std::string_view label);
MacTag authenticate(const MacKey& key, std::span<const uint8_t> message);
/// Takes the same time wherever they differ. `tag` may have any size.
bool same_tag(const MacTag& expected, std::span<const uint8_t> tag);
/// Whether `tag` is that of `message`.
inline bool is_authentic(const MacKey& key, std::span<const uint8_t> message,
                         std::span<const uint8_t> tag) {
  return same_tag(authenticate(key, message), tag);
}

}  // namespace hapair
