#include "lbcore/observe/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hapair::lbcore::observe {

void Distribution::add(const Distribution& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum_us += other.sum_us;
}

uint64_t Distribution::count() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

double Distribution::quantile_us(double share) const {
  const uint64_t all = count();
  if (all == 0) return 0;
  const auto wanted = std::clamp<uint64_t>(
      static_cast<uint64_t>(std::ceil(share * static_cast<double>(all))), 1, all);
  uint64_t passed = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    passed += counts[i];
    if (passed >= wanted) return Buckets::middle(i);
  }
  return 0;
}

uint64_t Distribution::count_up_to(uint64_t us) const {
  const size_t last = Buckets::index(us);
  const uint64_t before =
      std::accumulate(counts.begin(), counts.begin() + static_cast<long>(last), uint64_t{0});
  const uint64_t first = Buckets::least(last);
  const uint64_t width = Buckets::least(last + 1) - first;
  const uint64_t inside = std::min(us - first + 1, width);
  return before + counts[last] * inside / width;
}

void Histogram::add_to(Distribution& out) const {
  for (size_t i = 0; i < counts_.size(); ++i) {
    out.counts[i] += counts_[i].load(std::memory_order_relaxed);
  }
  out.sum_us += sum_us_.load(std::memory_order_relaxed);
}

Latency& LatencySlot::make() {
  auto made = std::make_unique<Latency>();
  Latency* there = nullptr;
  if (latency_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *there;  // another worker was first
}

}  // namespace hapair::lbcore::observe
