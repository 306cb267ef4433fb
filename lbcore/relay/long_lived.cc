#include "lbcore/relay/long_lived.h"

#include <utility>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kLong = 200ms;
constexpr Duration kInterval = 100ms;
constexpr size_t kMostPerTurn = 1024;

}  // namespace

void LongLived::begin(Connection& connection) {
  next_ = &connection;
  if (!armed()) worker_.arm(*this, worker_.loop().now() + kLong);
}

/// To the one that was accepted after it.
void LongLived::step() {
  next_ = next_->previous;
}

void LongLived::changed(const orphans::Ends& ends, bool open) {
  if (!tell_) return;
  changes_.push_back({.ends = ends, .open = open});
  arm_soon();
}

void LongLived::flush() {
  if (!changes_.empty()) tell_(std::exchange(changes_, {}));
}

void LongLived::arm_soon() {
  if (!armed()) worker_.arm(*this, worker_.loop().now() + kInterval);
}

void LongLived::on_due() {
  const TimePoint old_enough = worker_.loop().now() - kLong;
  for (size_t i = 0; next_ != nullptr && next_->accepted_at() <= old_enough; ++i) {
    if (i == kMostPerTurn) {
      worker_.arm(*this, worker_.loop().now());
      break;
    }
    next_->tell_open();
    step();
  }
  if (next_ != nullptr) arm_soon();
  flush();
}

}  // namespace hapair::lbcore::relay
