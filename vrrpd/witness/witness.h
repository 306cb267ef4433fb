// Whether something beyond both nodes answers: the gateway, say. It tells a node that hears nobody
// whether the others are lost, or itself.
//
// Probes regularly; three without an answer are a failure. A Backup that misses an advertisement,
// and an Active whose peer does not hear it, look closely: several probes in a short time, so that
// the verdict is there before the deadline. Pure: `probe` asks and hears.
#pragma once

#include <optional>

#include "common/clock.h"

namespace hapair::vrrp {

class Witness {
 public:
  explicit Witness(Duration interval) : interval_(interval) {}

  struct Outcome {
    bool probe = false;   // send one
    bool failed = false;  // it does not answer; said again after every further probe
    TimePoint asked;      // when failed: the last probe that had the time to be answered
  };

  /// Begins anew, knowing nothing: at the start, with another line or another address.
  void begin(TimePoint now);
  /// Call at next().
  Outcome on_time(TimePoint now);
  void on_answer(TimePoint now);
  /// The verdict is wanted within `window`.
  void look_closely(TimePoint now, Duration window);

  [[nodiscard]] TimePoint next() const { return next_; }
  [[nodiscard]] std::optional<TimePoint> answered() const { return answered_; }
  /// The first probe of those that are without an answer.
  [[nodiscard]] std::optional<TimePoint> silent_since() const { return silent_since_; }

 private:
  Duration interval_;
  TimePoint next_;
  TimePoint asked_;
  std::optional<TimePoint> answered_;
  std::optional<TimePoint> silent_since_;
  int unanswered_ = 0;
  std::optional<TimePoint> close_until_;
  Duration close_gap_{0};
};

}  // namespace hapair::vrrp
