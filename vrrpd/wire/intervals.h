// The timers of RFC 9568 section 6.1, to the nanosecond: in whole centiseconds, as the RFC writes
// them, the skew of a 10 ms router would vanish, and with it what keeps two Backups from becoming
// Active together.
#pragma once

#include <cstdint>

#include "common/clock.h"

namespace hapair::vrrp {

constexpr Duration from_centiseconds(uint16_t centiseconds) {
  return 10ms * centiseconds;
}

constexpr uint16_t to_centiseconds(Duration interval) {
  return static_cast<uint16_t>(interval / Duration(10ms));
}

/// Skew_Time = ((256 - Priority) * Active_Adver_Interval) / 256
/// In version 2, whatever the interval: ((256 - Priority) / 256) seconds (RFC 3768 section 6.1)
constexpr Duration skew_time(uint8_t priority, Duration active_interval, uint8_t version = 3) {
  return (version == 2 ? Duration(1s) : active_interval) * (256 - priority) / 256;
}

/// Active_Down_Interval = (3 * Active_Adver_Interval) + Skew_Time
constexpr Duration active_down_interval(uint8_t priority, Duration active_interval,
                                        uint8_t version = 3) {
  return 3 * active_interval + skew_time(priority, active_interval, version);
}

}  // namespace hapair::vrrp
