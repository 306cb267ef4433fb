// A token bucket for log lines and counters of refused input. Pure: time is an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/clock.h"

namespace hapair {

class RateLimit {
 public:
  /// At most `burst` at once, refilled with one every `period`.
  RateLimit(uint32_t burst, Duration period) : burst_(burst), period_(period), tokens_(burst) {}

  /// Whether one more may pass now. What is refused is counted until `take_suppressed`.
  bool allow(TimePoint now) {
    const auto refill = static_cast<uint64_t>((now - last_) / period_);
    if (refill > 0) {
      tokens_ = static_cast<uint32_t>(std::min<uint64_t>(burst_, tokens_ + refill));
      last_ = now;
    }
    if (tokens_ == 0) {
      ++suppressed_;
      return false;
    }
    --tokens_;
    return true;
  }

  /// How many were refused since the last call; for "(N more suppressed)".
  uint64_t take_suppressed() {
    const uint64_t count = suppressed_;
    suppressed_ = 0;
    return count;
  }

 private:
  uint32_t burst_;
  Duration period_;
  uint32_t tokens_;
  TimePoint last_{};
  uint64_t suppressed_ = 0;
};

}  // namespace hapair
