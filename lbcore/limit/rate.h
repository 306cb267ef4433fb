// So many per second, and no more: the generic cell rate algorithm (ITU-T I.371), a token bucket
// whose whole state is one point in time: when the next one would come if all came evenly. Pure.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace hapair::lbcore::limit {

/// Nanoseconds of the monotonic clock; 0: nothing has come for long.
using Arrival = int64_t;

/// One more at `now`: the next state, or nothing when it is one too many. After silence
/// `per_second` may come at once, and never more than twice as many within any second.
inline std::optional<Arrival> arrive(Arrival expected, uint32_t per_second, TimePoint now) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
  const Arrival next = std::max(expected, at) + kSecond / per_second;
  if (next - at > kSecond) return std::nullopt;
  return next;
}

/// How long nothing would have to come until it is as if nothing ever had: at most a second. The
/// same on every node, whatever its clock says.
inline Duration debt(Arrival expected, TimePoint now) {
  const int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
  return std::chrono::nanoseconds(std::clamp<int64_t>(expected - at, 0, 1'000'000'000));
}

/// What has come elsewhere is added to what has come here.
inline Arrival with_debt(Arrival expected, Duration more, TimePoint now) {
  const int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
  return at +
         std::chrono::nanoseconds(std::clamp<Duration>(debt(expected, now) + more, 0s, 1s)).count();
}

/// One that several threads share; exact over all of them, without a lock.
class SharedRate {
 public:
  [[nodiscard]] Duration debt(TimePoint now) const {
    return limit::debt(expected_.load(std::memory_order_relaxed), now);
  }
  void add_debt(Duration more, TimePoint now) {
    Arrival expected = expected_.load(std::memory_order_relaxed);
    while (!expected_.compare_exchange_weak(expected, with_debt(expected, more, now),
                                            std::memory_order_relaxed)) {
    }
  }

  bool allow(uint32_t per_second, TimePoint now) {
    Arrival expected = expected_.load(std::memory_order_relaxed);
    while (true) {
      const auto next = arrive(expected, per_second, now);
      if (!next) return false;
      if (expected_.compare_exchange_weak(expected, *next, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<Arrival> expected_{0};
};

}  // namespace hapair::lbcore::limit
