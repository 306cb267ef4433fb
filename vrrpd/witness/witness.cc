#include "vrrpd/witness/witness.h"

#include <algorithm>

namespace hapair::vrrp {

namespace {

constexpr int kFall = 3;
constexpr int kCloseProbes = 5;
constexpr Duration kLeastGap = 1ms;

}  // namespace

void Witness::begin(TimePoint now) {
  *this = Witness(interval_);
  next_ = now;
}

Witness::Outcome Witness::on_time(TimePoint now) {
  Outcome out;
  if (now < next_) return out;
  out.asked = asked_;
  if (close_until_ && now >= *close_until_) {
    close_until_.reset();
    out.failed = silent_since_.has_value();
    next_ = now + interval_;
    return out;
  }
  out.failed = unanswered_ >= kFall && !close_until_;
  out.probe = true;
  asked_ = now;
  ++unanswered_;
  if (!silent_since_) silent_since_ = now;
  next_ = now + (close_until_ ? close_gap_ : interval_);
  if (close_until_) next_ = std::min(next_, *close_until_);
  return out;
}

void Witness::on_answer(TimePoint now) {
  answered_ = now;
  silent_since_.reset();
  unanswered_ = 0;
  if (!close_until_) return;
  close_until_.reset();
  next_ = now + interval_;
}

void Witness::look_closely(TimePoint now, Duration window) {
  if (close_until_) return;
  // What was asked before is not what is asked now: its answer may be on its way.
  silent_since_.reset();
  close_until_ = now + window;
  close_gap_ = std::max(window / kCloseProbes, kLeastGap);
  next_ = now;
}

}  // namespace hapair::vrrp
