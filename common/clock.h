// The one clock of both daemons: monotonic, nanoseconds, never set by anyone.
// Pure cores take `TimePoint now` as an argument; only the event loop reads the clock.
#pragma once

#include <chrono>

namespace hapair {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): durations read as
                                       // 10ms everywhere

}  // namespace hapair
