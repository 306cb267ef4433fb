// Whether a Backup takes the role from a worse Active, and what it waits for before it does.
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/units.h"
#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

/// With preempt, a worse Active was heard: says what we wait for before we take over from it.
void Fsm::consider_preemption(Backup& backup, const Heard& event) {
  if (event.priority == kResignPriority) return;
  const bool worse = parameters_.preempt && !handed_over_ && now_ >= backup.yields_until &&
                     event.priority < parameters_.priority;
  if (!worse || parameters_.priority == kOwnerPriority) {
    backup.could_preempt_since.reset();
    if (std::exchange(backup.waits_to_preempt, false)) {
      explain(fmt::format("follows {}, priority {}", event.sender.to_string(), event.priority));
    }
    return;
  }
  std::string waits_for;
  if (!in_sync_ && now_ < backup.preempt_from) {
    backup.could_preempt_since.reset();
    waits_for = fmt::format("the tables, at most {},", roughly(parameters_.sync_wait));
  } else {
    if (!backup.could_preempt_since) backup.could_preempt_since = now_;
    if (preempts(backup)) return;
    waits_for = fmt::format("{} (preempt_delay)", roughly(parameters_.preempt_delay));
  }
  backup.waits_to_preempt = true;
  explain(fmt::format("waits for {} before it preempts {}", waits_for, event.sender.to_string()));
}

bool Fsm::preempts(const Backup& backup) const {
  if (parameters_.priority == kOwnerPriority) return true;
  if (!parameters_.preempt || handed_over_ || now_ < backup.yields_until) return false;
  // Beyond the RFC (DESIGN invariant 5): not before the tables are in sync, within limits.
  if (!in_sync_ && now_ < backup.preempt_from) return false;
  return parameters_.preempt_delay == Duration::zero() ||
         (backup.could_preempt_since &&
          now_ - *backup.could_preempt_since >= parameters_.preempt_delay);
}

}  // namespace hapair::vrrp
