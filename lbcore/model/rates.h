// How fast counters go, smoothed as IPVS does it: sampled once per second, and each sample moves
// the rate a quarter of the way towards what the last second had. Also what `pairadm -Z` took off:
// the counters themselves never go back, so that graphs drawn from /metrics stay whole. Pure.
#pragma once

#include <cstdint>

#include "common/clock.h"

namespace hapair::lbcore {

/// Counters that only grow, as of one moment.
struct Totals {
  uint64_t connections = 0;
  uint64_t packets_in = 0;
  uint64_t packets_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t failed = 0;
};

struct Rates {  // per second
  double connections = 0;
  double packets_in = 0;
  double packets_out = 0;
  double bytes_in = 0;
  double bytes_out = 0;
};

class RateMeter {
 public:
  static constexpr Duration kInterval = 1s;

  /// The first sample only sets the mark: what came before is nobody's last second.
  void sample(const Totals& totals, TimePoint now);
  [[nodiscard]] const Rates& rates() const { return rates_; }

 private:
  Totals last_;
  TimePoint last_at_{};
  Rates rates_;
};

}  // namespace hapair::lbcore
