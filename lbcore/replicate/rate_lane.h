// The lane of rate limits: now and then the Active says how far its services and the busiest of
// their clients are ahead of their limits, so that a failover gives nobody a second helping. Debts
// of clients are durations of at most a second; what was said longer ago is worth nothing, and
// nothing of it is ever sent again. Pure. Owned by Balancer, driven by Protocol.
#pragma once

#include <optional>
#include <string_view>

#include "common/clock.h"
#include "lbcore/replicate/lane.h"

namespace hapair::lbcore::replicate {

class RateLane final : public Lane {
 public:
  static constexpr size_t kMostServices = 64;
  static constexpr size_t kMostSources = 1024;  // of all services together

  /// Replaces what was to be said and is not under way yet; Replicator::wake() afterwards.
  void say(wire::RateDebts debts);
  /// What the peer has said last, and how long ago; at most once.
  struct Heard {
    wire::RateDebts debts;
    Duration age{0};
  };
  std::optional<Heard> take_heard(TimePoint now);

  // Lane.
  [[nodiscard]] std::string_view feature() const override { return "rates/1"; }
  [[nodiscard]] bool takes(wire::Frame::BodyCase kind) const override {
    return kind == wire::Frame::kRateDebts;
  }
  void up(const wire::Hello& /*peers*/, TimePoint /*now*/) override { up_ = true; }
  void down() override {
    up_ = false;
    outgoing_.reset();
  }
  [[nodiscard]] bool is_up() const { return up_; }
  Status take(const wire::Frame& frame, TimePoint now) override;
  bool next(wire::Frame& frame, TimePoint now) override;

 private:
  bool up_ = false;
  std::optional<wire::RateDebts> outgoing_;
  wire::RateDebts heard_;
  std::optional<TimePoint> heard_at_;
};

}  // namespace hapair::lbcore::replicate
