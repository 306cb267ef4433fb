// What a router does for the group that it belongs to; `Group` decides. All of it is beyond the
// RFC.
#include <fmt/format.h>

#include "vrrpd/election/fsm.h"

namespace hapair::vrrp {

void Fsm::on(const GroupHolds& event) {
  group_holds_ = event.reason;
}

void Fsm::on(const GroupTakesOver& event) {
  if (role() == Role::backup) become_active(event.reason);
}

void Fsm::on(const GroupYields& event) {
  if (role() != Role::active) return;
  const bool hands_over = away();  // with the others: none of them shall preempt right back
  become_backup(parameters_.interval, event.reason, false);
  handed_over_ = handed_over_ || hands_over;
}

/// The deadline has passed: the group takes over together, or not yet.
bool Fsm::waits_for_group(Backup& backup) {
  backup.wants = true;
  if (group_holds_.empty()) return false;
  backup.deadline = now_ + backup.active_interval;
  arm(backup);
  explain(group_holds_);
  return true;
}

std::string Fsm::own_trouble() const {
  return started_ ? what_blocks_us() : std::string();
}

bool Fsm::wants_role(TimePoint now) const {
  const auto* backup = std::get_if<Backup>(&state_);
  return backup != nullptr && (backup->wants || backup->deadline <= now);
}

std::optional<TimePoint> Fsm::resigned_at() const {
  const auto* backup = std::get_if<Backup>(&state_);
  if (backup == nullptr || !backup->resigned || !last_heard_) return std::nullopt;
  return last_heard_->at;
}

}  // namespace hapair::vrrp
