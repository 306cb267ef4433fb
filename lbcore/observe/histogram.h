// A log-linear histogram of durations: 1 us to 1 h in 240 buckets of fixed memory (1.9 KB). Each
// power of two is cut into eight equal buckets, and a value is reported as its bucket's middle:
// wrong by 1/16 at most, exact below 16 us.
//
// Shared by all workers. One add() is two relaxed atomic additions; there are three per connection,
// none per byte that is forwarded. A histogram per worker would save the contention on one cache
// line among many and cost the memory once per worker: the counters of a server, which every chunk
// of bytes touches, are shared in the same way. Pure; the LatencySlot of a server that never had a
// connection owns nothing.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/clock.h"

namespace hapair::lbcore::observe {

/// Where a duration is counted, and what a bucket stands for. Microseconds.
struct Buckets {
  static constexpr uint64_t kMostUs = 3'600'000'000;  // what is longer counts as this
  static constexpr unsigned kSplit = 3;               // each power of two: 2^3 buckets
  static constexpr size_t kCount = (31 - kSplit + 2) << kSplit;

  static constexpr size_t index(uint64_t us) {
    if (us > kMostUs) us = kMostUs;
    if (us < (1U << kSplit)) return us;
    const auto power = static_cast<unsigned>(std::bit_width(us)) - 1;
    return ((power - kSplit) << kSplit) + (us >> (power - kSplit));
  }
  /// The least value of bucket `index`; that of kCount ends the last bucket.
  static constexpr uint64_t least(size_t index) {
    if (index < (2U << kSplit)) return index;
    const size_t shift = (index >> kSplit) - 1;
    return ((index & ((1U << kSplit) - 1)) + (1U << kSplit)) << shift;
  }
  static constexpr double middle(size_t index) {
    const auto first = static_cast<double>(least(index));
    const auto last = static_cast<double>(least(index + 1) - 1);
    return (first + last) / 2;
  }
};
static_assert(Buckets::index(Buckets::kMostUs) < Buckets::kCount);

/// What a histogram held at one moment; several add up.
struct Distribution {
  std::array<uint64_t, Buckets::kCount> counts{};
  uint64_t sum_us = 0;

  void add(const Distribution& other);
  [[nodiscard]] uint64_t count() const;
  /// The value that `share` (0 to 1) of all do not exceed, in microseconds; 0 when there are none.
  [[nodiscard]] double quantile_us(double share) const;
  /// How many lasted at most `us`. Exact when a bucket ends at `us`, else those of the bucket that
  /// holds it are counted as if spread evenly.
  [[nodiscard]] uint64_t count_up_to(uint64_t us) const;
};

class Histogram {
 public:
  void add(uint64_t us) {
    counts_[Buckets::index(us)].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(us < Buckets::kMostUs ? us : Buckets::kMostUs, std::memory_order_relaxed);
  }
  void add_to(Distribution& out) const;

 private:
  std::array<std::atomic<uint64_t>, Buckets::kCount> counts_{};
  std::atomic<uint64_t> sum_us_{0};
};

/// What is measured of every connection to one server.
struct Latency {
  Histogram connect;     // from asking the server until it has accepted
  Histogram first_byte;  // from the client's first bytes (a server that speaks first: from its
                         // acceptance) until the server's first
  Histogram duration;    // from the acceptance of the client until both sides are closed
};

/// The Latency of one server, made by whoever needs it first.
class LatencySlot {
 public:
  LatencySlot() = default;
  ~LatencySlot() { delete latency_.load(std::memory_order_acquire); }
  LatencySlot(const LatencySlot&) = delete;
  LatencySlot& operator=(const LatencySlot&) = delete;

  Latency& get() {
    Latency* latency = latency_.load(std::memory_order_acquire);
    return latency != nullptr ? *latency : make();
  }
  /// Null before the first connection.
  [[nodiscard]] const Latency* peek() const { return latency_.load(std::memory_order_acquire); }

 private:
  Latency& make();

  std::atomic<Latency*> latency_{nullptr};
};

}  // namespace hapair::lbcore::observe
