#include "common/rise_fall.h"

namespace hapair {

bool RiseFall::result(bool passed) {
  if (!decided_) {
    const bool went_up = passed;
    decide(passed);
    return went_up;
  }
  if (passed == up_) {
    against_ = 0;
    return false;
  }
  if (++against_ < threshold()) return false;
  decide(passed);
  return true;
}

void RiseFall::set_thresholds(uint32_t rise, uint32_t fall) {
  rise_ = rise;
  fall_ = fall;
}

void RiseFall::decide(bool up) {
  up_ = up;
  decided_ = true;
  against_ = 0;
}

}  // namespace hapair
