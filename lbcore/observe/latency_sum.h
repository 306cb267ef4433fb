// The histograms of some servers added up, as quantiles. Main thread.
#pragma once

#include "common/schema/control.pb.h"
#include "lbcore/model/live.h"
#include "lbcore/observe/histogram.h"

namespace hapair::lbcore::observe {

class LatencySum {
 public:
  void add(const LiveServer& server);
  [[nodiscard]] control::Latency told() const;

 private:
  Distribution connect_;
  Distribution first_byte_;
  Distribution duration_;
};

}  // namespace hapair::lbcore::observe
