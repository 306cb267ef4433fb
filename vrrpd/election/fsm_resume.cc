// A router goes on where an earlier speaker of its node stopped (DESIGN invariant 3): the VIPs are
// still on the interface, the peer has noticed nothing, and shall not.
//
// The state is put back, not changed: no Notify, and the reason and its time are the old ones. What
// the dead speaker knew of link and lbcore holds until it is seen to be otherwise, and nothing
// holds the router out at first: boot_hold is for a node that may be deaf, and this one was not.
#include "vrrpd/election/fsm.h"

namespace hapair::vrrp {

void Fsm::on(const Resumed& event) {
  if (role() != Role::initialize || started_) return;
  started_ = true;
  link_trouble_.clear();
  hold_.reset();
  since_ = event.since;
  reason_ = event.reason;
  handed_over_ = event.handed_over;
  last_heard_ = event.last_heard;
  if (!event.active) {
    // When the Active spoke last is not known to the microsecond: it gets a whole down interval.
    const TimePoint deadline = now_ + down_interval(event.active_interval);
    state_ = Backup{.deadline = deadline,
                    .active_interval = event.active_interval,
                    .preempt_from = now_ + parameters_.sync_wait};
    actions_.emplace_back(ArmDeadline{deadline});
    return;
  }
  state_ = Active{.deadline = now_,
                  .last_sent = event.last_sent,
                  .announced = now_,
                  // The dead one may have been in the middle of it.
                  .announce_due = now_};
  if (event.away_until && *event.away_until > now_) {
    // Whether the peer has taken over meanwhile, it does not know: it finds out, or its time ends.
    std::get<Active>(state_).away_until = event.away_until;
    std::get<Active>(state_).announce_due.reset();
    actions_.emplace_back(RemoveAddresses{});
  }
  notice_sleep();
  auto& active = std::get<Active>(state_);
  if (active.listening) return;
  // At once, whenever it would have been due: the sooner, the less the peer had to wait.
  advertise(active);
  if (!active.away_until) actions_.emplace_back(AddAddresses{});
  arm(active, now_ + parameters_.interval);
}

}  // namespace hapair::vrrp
