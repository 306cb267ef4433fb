// The shared secret of a pair: 32 random bytes in a file of 64 hex digits, mode 0600 (or 0640 for
// group hapair).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/result.h"

namespace hapair {

using PairKey = std::array<uint8_t, 32>;

/// Fails with path and reason: missing, readable by others, not 64 hex digits.
Result<PairKey> load_pair_key(const std::string& path);
/// Creates `path` (never overwrites) with mode 0600 and a fresh key from the kernel.
Status create_pair_key(const std::string& path);

}  // namespace hapair
