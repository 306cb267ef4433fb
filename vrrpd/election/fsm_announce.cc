// When an Active announces its VIPs again: with every evidence of a second Active, ever more rarely
// while it goes on.
#include <algorithm>

#include "vrrpd/election/fsm.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kMostAnnounceGap =
    1s;  // between announcements while evidence of a second Active goes on

}  // namespace

void Fsm::announce(Active& active) {
  active.announced = now_;
  active.announce_due.reset();
  actions_.emplace_back(Announce{});
}

/// Somebody else was, or is, Active too: neighbours may have learnt his port. Not before `gap`
/// after the last time; what that swallows is made good at a later advertisement. While it goes on,
/// the gaps grow: a lasting one-way partition must not become a storm of announcements.
void Fsm::announce_again(Active& active, Duration gap) {
  const Duration since = now_ - active.announced;
  if (since < gap) {
    active.announce_due =
        std::min(active.announced + gap, active.announce_due.value_or(TimePoint::max()));
    return;
  }
  const bool goes_on = since <= 2 * kMostAnnounceGap;
  const Duration most = std::max(kMostAnnounceGap, parameters_.interval);
  active.announce_gap =
      goes_on ? std::clamp<Duration>(2 * active.announce_gap, parameters_.interval, most)
              : parameters_.interval;
  announce(active);
}

}  // namespace hapair::vrrp
