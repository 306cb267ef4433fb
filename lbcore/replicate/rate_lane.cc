#include "lbcore/replicate/rate_lane.h"

#include <utility>

namespace hapair::lbcore::replicate {

void RateLane::say(wire::RateDebts debts) {
  if (up_) outgoing_ = std::move(debts);
}

std::optional<RateLane::Heard> RateLane::take_heard(TimePoint now) {
  if (!heard_at_) return std::nullopt;
  return Heard{.debts = std::move(heard_), .age = now - *std::exchange(heard_at_, std::nullopt)};
}

Status RateLane::take(const wire::Frame& frame, TimePoint now) {
  const wire::RateDebts& debts = frame.rate_debts();
  size_t sources = 0;
  for (const auto& service : debts.services())
    sources += static_cast<size_t>(service.sources_size());
  if (static_cast<size_t>(debts.services_size()) > kMostServices || sources > kMostSources) {
    return fail("more debts than are taken");
  }
  heard_ = debts;
  heard_at_ = now;
  return {};
}

bool RateLane::next(wire::Frame& frame, TimePoint /*now*/) {
  if (!outgoing_) return false;
  *frame.mutable_rate_debts() = *std::exchange(outgoing_, std::nullopt);
  return true;
}

}  // namespace hapair::lbcore::replicate
