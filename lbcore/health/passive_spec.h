// When real traffic takes a server out of its pool for a while, as written in the configuration:
//   passive = none
//   passive = failures 5 eject 10s max 5m max_share 50%
// `failures` in a row (refused or timed out connects, resets before the first byte of an answer)
// eject the server for `eject`; each further time for twice as long, up to `max`. Never more than
// `max_share` of the pool's servers at once, and never the last one. Every option may be left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/result.h"

namespace hapair::lbcore::health {

struct PassiveSpec {
  uint32_t failures = 0;  // 0: off
  Duration eject = 10s;
  Duration most = 5min;
  uint32_t max_share = 50;  // percent

  [[nodiscard]] bool enabled() const { return failures > 0; }
  friend bool operator==(const PassiveSpec&, const PassiveSpec&) = default;
};

Result<PassiveSpec> parse_passive(std::string_view text);
std::string to_string(const PassiveSpec& spec);

}  // namespace hapair::lbcore::health
