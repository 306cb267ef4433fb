// What schedulers read of a server that is at work: figures that the relay writes on every worker,
// as relaxed atomics, each of its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "common/clock.h"

namespace hapair::lbcore::balance {

/// A moving average of durations: a new sample counts for an eighth. Workers may lose one another's
/// sample, never the average. What has not been measured for a while is forgotten by halves, so
/// that a server that was slow once is tried again.
class ResponseTime {
 public:
  static constexpr Duration kForget = 8s;

  void sample(Duration took, TimePoint now) {
    const auto us = std::clamp<int64_t>(took / 1us, 1, kMost);
    const uint32_t before = average_us_.load(std::memory_order_relaxed);
    const auto after =
        before == 0 ? us : int64_t{before} + (us - int64_t{before} + (us > before ? 7 : -7)) / 8;
    average_us_.store(static_cast<uint32_t>(std::max<int64_t>(after, 1)),
                      std::memory_order_relaxed);
    sampled_.store(now.time_since_epoch() / kForget, std::memory_order_relaxed);
  }

  /// In microseconds; 0: never measured, else at least 1.
  [[nodiscard]] uint32_t at(TimePoint now) const {
    const uint32_t average = average_us_.load(std::memory_order_relaxed);
    if (average == 0) return 0;
    const int64_t age = now.time_since_epoch() / kForget - sampled_.load(std::memory_order_relaxed);
    return std::max(average >> std::clamp<int64_t>(age - 1, 0, 31), uint32_t{1});
  }

 private:
  static constexpr int64_t kMost = int64_t{1} << 31;

  std::atomic<uint32_t> average_us_{0};
  std::atomic<int64_t> sampled_{0};  // when, in kForget
};

/// Points into what lives at least as long as the scheduler is told of it.
struct Load {
  const std::atomic<uint32_t>* active = nullptr;  // open connections, all workers
  const std::atomic<uint64_t>* bytes_in = nullptr;
  const std::atomic<uint64_t>* bytes_out = nullptr;
  const ResponseTime* connect = nullptr;
  const ResponseTime* first_byte = nullptr;
};

}  // namespace hapair::lbcore::balance
