// When an interface counts as up: it goes down at once, and counts as up again only when its
// carrier has lasted. A flapping link causes one failover, not many. Pure; `instance` keeps one per
// interface.
#pragma once

#include <optional>

#include "common/clock.h"

namespace hapair::vrrp {

class LinkDebounce {
 public:
  /// What the kernel says now: it exists, is up and has carrier, or not.
  void see(bool up, TimePoint now) {
    // What was up when we looked first is not coming back.
    if (up && seen_ && !up_) came_back_ = now;
    if (!up) came_back_.reset();
    up_ = up;
    seen_ = true;
  }
  [[nodiscard]] bool counts_as_up(TimePoint now, Duration debounce) const {
    return up_ && (!came_back_ || now - *came_back_ >= debounce);
  }
  /// When it will count as up, should it last; nothing when it does, or is down.
  [[nodiscard]] std::optional<TimePoint> due(TimePoint now, Duration debounce) const {
    if (!up_ || counts_as_up(now, debounce)) return std::nullopt;
    return *came_back_ + debounce;
  }

 private:
  bool seen_ = false;
  bool up_ = false;
  std::optional<TimePoint> came_back_;
};

}  // namespace hapair::vrrp
