// The shared secret of a pair: 32 random bytes as a line of 64 hex digits in a file with mode 0600
// (or 0640 for group hapair). While the key is rotated the file has two lines: the first is the key
// that this node uses, both are accepted from the peer.
//
//   both nodes: OLD   ->  OLD, NEW  ->  NEW, OLD  ->  NEW      each step reloaded on both nodes
//
// Neither node ever meets a key that it does not know, whatever the order within a step.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/result.h"

namespace hapair {

using PairKey = std::array<uint8_t, 32>;

struct PairKeys {
  PairKeys() = default;
  PairKeys(const PairKey& only) : used(only) {}
  PairKeys(const PairKey& first, const PairKey& second) : used(first), also(second) {}

  PairKey used{};                    // signs, and opens connections
  std::optional<PairKey> also = {};  // accepted from the peer, too

  friend bool operator==(const PairKeys&, const PairKeys&) = default;
};

/// Fails with path and reason: missing, readable by others, not one or two lines of 64 hex digits.
Result<PairKeys> load_pair_keys(const std::string& path);
/// Creates `path` (never overwrites) with mode 0600 and a fresh key from the kernel.
Status create_pair_key(const std::string& path);
/// The next step of a rotation; the file is replaced as a whole and keeps mode and owner.
enum class Rotation : uint8_t {
  add,      // a fresh second key
  promote,  // the second key becomes the first
  retire,   // the second key goes
};
Status rotate_pair_key(const std::string& path, Rotation step);

}  // namespace hapair
