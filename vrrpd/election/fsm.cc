#include "vrrpd/election/fsm.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/units.h"
#include "vrrpd/wire/intervals.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kRetryAfterFailure =
    1s;  // a router whose action failed lets the other one serve meanwhile
constexpr Duration kResignAnnounceGap =
    2ms;  // between announcements that resigns cause: each may be the last word of a second Active
constexpr Duration kLeastAnswerGap =
    1ms;  // a flood of losing advertisements is not answered one by one

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::initialize:
      return "Initialize";
    case Role::backup:
      return "Backup";
    case Role::active:
      return "Active";
  }
  return "unknown";
}

Actions Fsm::step(const Event& event, TimePoint now) {
  now_ = now;
  notice_sleep();
  std::visit([this](const auto& known) { on(known); }, event);
  return std::exchange(actions_, {});
}

Role Fsm::role() const {
  return static_cast<Role>(state_.index());
}

std::optional<TimePoint> Fsm::deadline() const {
  if (const auto* backup = std::get_if<Backup>(&state_)) {
    return std::min(backup->deadline, backup->adopting_until.value_or(TimePoint::max()));
  }
  if (const auto* active = std::get_if<Active>(&state_)) return active->deadline;
  return hold_ && what_blocks().empty() ? std::optional(hold_->until) : std::nullopt;
}

Duration Fsm::down_interval(Duration active_interval) const {
  return active_down_interval(parameters_.priority, active_interval, parameters_.version);
}

Duration Fsm::active_interval() const {
  const auto* backup = std::get_if<Backup>(&state_);
  return backup != nullptr ? backup->active_interval : parameters_.interval;
}

Duration Fsm::down_interval() const {
  return down_interval(active_interval());
}

// --- Events --------------------------------------------------------------------------------------

void Fsm::on(const Startup&) {
  started_ = true;
  leave_initialize_if_possible();
}

// RFC 9568 sections 6.4.2, 6.4.3: a Shutdown event; the Active says so with priority 0.
void Fsm::on(const Shutdown& event) {
  started_ = false;
  become_initialize(event.reason);
}

void Fsm::on(const Heard& event) {
  last_heard_ = LastHeard{.sender = event.sender, .priority = event.priority, .at = now_};
  std::visit([&](auto& state) { heard_in(state, event); }, state_);
}

void Fsm::on(const DeadlinePassed&) {
  // A deadline that was moved while its expiry was on the way is not an expiry.
  const auto at = deadline();
  if (!at || now_ < *at) return;
  std::visit([&](auto& state) { expired_in(state); }, state_);
}

void Fsm::on(const LinkUp&) {
  if (link_trouble_.empty()) return;
  link_trouble_.clear();
  // 6.4.1 lets the owner begin at once; and who hears its peer on the pair path need not listen
  // first.
  if (parameters_.boot_hold > Duration::zero() && parameters_.priority != kOwnerPriority &&
      !pair_) {
    hold_ = Hold{.until = now_ + parameters_.boot_hold,
                 .reason = fmt::format("boot_hold: listens for {} before it takes part",
                                       roughly(parameters_.boot_hold)),
                 .until_heard = true};
  }
  leave_initialize_if_possible();
}

// Beyond the RFC: an Active without a link serves nobody, and must not hold the VIP when the link
// returns.
void Fsm::on(const LinkDown& event) {
  link_trouble_ = event.reason;
  stay_out(event.reason);
}

void Fsm::on(const ServingRegained&) {
  if (serving_trouble_.empty()) return;
  serving_trouble_.clear();
  leave_initialize_if_possible();
}

// Beyond the RFC (DESIGN invariant 12): a node whose lbcore does not serve gives the VIP away.
void Fsm::on(const ServingLost& event) {
  serving_trouble_ = event.reason;
  stay_out(event.reason);
}

void Fsm::on(const SyncChanged& event) {
  in_sync_ = event.in_sync;
}

// Beyond the RFC: an operator, or something that the router tracks, takes the node out.
void Fsm::on(const FaultChanged& event) {
  std::string& known = faults_[static_cast<size_t>(event.fault)];
  if (known == event.reason) return;
  known = event.reason;
  if (known.empty()) {
    leave_initialize_if_possible();
  } else {
    stay_out(known);
  }
}

// Beyond the RFC: the operator's wish. Should the other node not take the role, the deadline brings
// it back.
void Fsm::on(const HandOver& event) {
  if (role() != Role::active) return;
  handed_over_ = true;
  become_backup(parameters_.interval, event.reason);
}

void Fsm::on(const TakeBack&) {
  handed_over_ = false;
}

// Beyond the RFC: networkd, or a person, removed the VIP. It is still ours.
void Fsm::on(const AddressLost&) {
  const auto* active = std::get_if<Active>(&state_);
  if (active == nullptr || active->listening || active->away_until) return;
  actions_.emplace_back(AddAddresses{});
  actions_.emplace_back(Announce{});
}

// Beyond the RFC: a router that cannot do its work lets the other one do it, and tries again later.
void Fsm::on(const ActionFailed& event) {
  if (!started_ || role() == Role::initialize) return;
  hold_ = Hold{.until = now_ + kRetryAfterFailure, .reason = event.reason};
  become_initialize(event.reason);
}

void Fsm::on(const Reconfigured& event) {
  const Duration old_interval = std::exchange(parameters_, event.parameters).interval;
  if (!parameters_.witness) {
    witness_fails_.clear();
    if (!std::exchange(witness_trouble_, {}).empty()) leave_initialize_if_possible();
  }
  auto* active = std::get_if<Active>(&state_);
  if (active == nullptr || parameters_.interval == old_interval) return;
  // Backups learn the new interval from the next advertisement: a shorter one must not wait for the
  // longer.
  arm(*active, std::min(active->deadline, now_ + parameters_.interval));
}

// --- An advertisement ----------------------------------------------------------------------------

// Beyond the RFC: who hears another router during boot_hold can hear, and need not wait longer.
void Fsm::heard_in(Initialize&, const Heard& event) {
  end_boot_hold();
  if (auto* backup = std::get_if<Backup>(&state_)) heard_in(*backup, event);
}

void Fsm::heard_in(Backup& backup, const Heard& event) {
  consider_preemption(backup, event);
  if (event.priority == kResignPriority) {
    // 6.4.2: priority 0 sets the Active_Down_Timer to Skew_Time.
    // Said again (by its guardian, by a network that duplicates), it does not begin anew.
    if (std::exchange(backup.resigned, true)) return;
    backup.deadline =
        now_ + skew_time(parameters_.priority, backup.active_interval, parameters_.version);
  } else if (!preempts(backup) || event.priority >= parameters_.priority) {
    // 6.4.2: without preemption or from an equal or better router, adopt its interval and wait
    // anew.
    backup.resigned = false;
    backup.kept_by = Backup::KeptBy::nothing;
    backup.active_interval = event.interval;
    if (std::exchange(backup.wants, false)) {
      explain(fmt::format("follows {}, priority {}", event.sender.to_string(), event.priority));
    }
    backup.deadline = now_ + down_interval(event.interval);
  } else {
    return;  // 6.4.2: preempting, discard: the deadline stays
  }
  arm(backup);
}

void Fsm::heard_in(Active& active, const Heard& event) {
  if (active.away_until) return heard_away(active, event);
  if (event.priority == kResignPriority && !active.listening) {
    // 6.4.3: priority 0 is answered with an advertisement, and the Adver_Timer starts anew.
    // It is over, and the last announcement that the clients hear must be ours.
    advertise(active);
    announce_again(active, kResignAnnounceGap);
    arm(active,
        std::min(now_ + parameters_.interval, active.announce_due.value_or(TimePoint::max())));
    return;
  }
  // Beyond the RFC: after a sleep the other one has taken over, and without preemption it keeps
  // what it has.
  const bool slept = active.listening && event.priority != kResignPriority &&
                     !parameters_.preempt && parameters_.priority != kOwnerPriority;
  if ((beats_us(event) && now_ >= active.undisputed_until) || slept) {
    // 6.4.3: greater priority, or equal and a greater primary address: Backup, with its interval.
    std::string why;
    if (event.priority > parameters_.priority) {
      why = fmt::format("{} has priority {} against our {}", event.sender.to_string(),
                        event.priority, parameters_.priority);
    } else if (slept) {
      why = fmt::format("slept; {} took over meanwhile", event.sender.to_string());
    } else {
      why = fmt::format("{} has the same priority {} and the greater address",
                        event.sender.to_string(), event.priority);
    }
    become_backup(event.interval, std::move(why));
    return;
  }
  // 6.4.3: discard, and advertise at once, so that the sender and the bridges between learn who is
  // Active.
  if (!active.listening && now_ - active.last_sent >= kLeastAnswerGap) advertise(active);
  announce_again(active, active.announce_gap);
}

// --- A deadline ----------------------------------------------------------------------------------

void Fsm::expired_in(Initialize&) {
  leave_initialize_if_possible();
}

void Fsm::expired_in(Backup& backup) {
  if (backup.adopting_until && now_ >= *backup.adopting_until) {
    unadopt(backup, "follows again: the handover was not finished in time");
  }
  if (now_ < backup.deadline) return arm(backup);
  const Duration down = down_interval(backup.active_interval);
  if (now_ - backup.deadline > down) {
    // Beyond the RFC: we slept, so the silence proves nothing. Listen once more.
    backup.deadline = now_ + down;
    return arm(backup);
  }
  // Beyond the RFC: unless the pair path or the witness knows better.
  if (!may_take_over(backup)) {
    backup.wants = false;
    backup.deadline = now_ + down;
    return arm(backup);
  }
  if (waits_for_group(backup)) return;
  // 6.4.2: the Active_Down_Timer fired.
  become_active(why_deadline_passed(backup));
}

void Fsm::expired_in(Active& active) {
  if (active.away_until && now_ >= *active.away_until) {
    reclaim(active, "takes its VIPs back: the peer was not seen to take over in time");
  }
  if (std::exchange(active.listening, false) && !active.away_until) {
    // Nobody else spoke. The lease of the VIPs may have run out meanwhile.
    actions_.emplace_back(AddAddresses{});
    active.announce_due = now_;
  }
  // 6.4.3: the Adver_Timer fired: advertise, start it anew. From the deadline, not from now: a
  // steady cadence.
  advertise(active);
  const TimePoint next = active.deadline + parameters_.interval;
  arm(active, next > now_ ? next : now_ + parameters_.interval);
  if (active.away_until) return;
  const Duration refresh = parameters_.announce_refresh;
  const bool due = active.announce_due && now_ >= *active.announce_due;
  if (due || (refresh > Duration::zero() && now_ - active.announced >= refresh)) announce(active);
}

// --- Transitions ---------------------------------------------------------------------------------

void Fsm::leave_initialize_if_possible() {
  if (role() != Role::initialize || !started_) return;
  if (std::string trouble = what_blocks(); !trouble.empty()) {
    explain(std::move(trouble));
    return;
  }
  if (hold_ && now_ < hold_->until) {
    actions_.emplace_back(ArmDeadline{hold_->until});
    explain(hold_->reason);
    return;
  }
  if (parameters_.priority == kOwnerPriority) {
    become_active("owner of the addresses");  // 6.4.1
  } else {
    become_backup(parameters_.interval, "listens for an Active");  // 6.4.1
  }
}

/// A trouble has begun: leave, or, out already, say what keeps us out now.
void Fsm::stay_out(const std::string& reason) {
  if (!started_) return;
  if (role() == Role::initialize) {
    leave_initialize_if_possible();
  } else {
    become_initialize(reason);
  }
}

void Fsm::become_initialize(std::string reason) {
  if (role() == Role::active) {
    // 6.4.3: cancel the timer, send priority 0. The VIPs go first: the peer may answer for them
    // from then on.
    actions_.emplace_back(RemoveAddresses{});
    actions_.emplace_back(SendAdvertisement{kResignPriority});
  } else if (adopting()) {
    actions_.emplace_back(RemoveAddresses{});
  }
  actions_.emplace_back(DisarmDeadline{});
  if (hold_ && what_blocks().empty() && started_) actions_.emplace_back(ArmDeadline{hold_->until});
  change_state(Initialize{}, std::move(reason));
}

void Fsm::become_backup(Duration active_interval, std::string reason, bool somebody_won) {
  if (role() == Role::active) {
    actions_.emplace_back(RemoveAddresses{});
    // Beyond the RFC: the winner may not have heard us, and has to know that the clients did.
    // In a handover, or with one's group, nobody has won yet: there the resign is an offer.
    actions_.emplace_back(
        SendAdvertisement{.priority = kResignPriority, .to_winner = somebody_won && !handed_over_});
  }
  const TimePoint deadline = now_ + down_interval(active_interval);
  actions_.emplace_back(ArmDeadline{deadline});
  change_state(Backup{.deadline = deadline,
                      .active_interval = active_interval,
                      .preempt_from = now_ + parameters_.sync_wait},
               std::move(reason));
}

void Fsm::become_active(std::string reason) {
  const TimePoint undisputed_until = adopting() ? now_ + parameters_.interval : TimePoint{};
  handed_over_ = false;
  // 6.4.1, 6.4.2: advertise, announce every address, start the Adver_Timer.
  actions_.emplace_back(SendAdvertisement{parameters_.priority});
  actions_.emplace_back(AddAddresses{});
  actions_.emplace_back(Announce{});
  const TimePoint deadline = now_ + parameters_.interval;
  actions_.emplace_back(ArmDeadline{deadline});
  change_state(Active{.deadline = deadline,
                      .last_sent = now_,
                      .announced = now_,
                      .undisputed_until = undisputed_until},
               std::move(reason));
}

/// The only place where the state changes.
void Fsm::change_state(std::variant<Initialize, Backup, Active> next, std::string reason) {
  const Role from = role();
  state_ = next;
  if (role() == from) {
    explain(std::move(reason));
    return;
  }
  if (role() != Role::initialize) hold_.reset();
  since_ = now_;
  reason_ = std::move(reason);
  actions_.emplace_back(Notify{.from = from, .to = role(), .reason = reason_});
}

/// The role stays; why it is what it is has changed.
void Fsm::explain(std::string reason) {
  if (reason == reason_) return;
  reason_ = std::move(reason);
  actions_.emplace_back(Notify{.from = role(), .to = role(), .reason = reason_});
}

/// Beyond the RFC (DESIGN invariant 1): an Active that slept for its down interval has been
/// replaced if the peer lives. Whatever woke it, it listens for one interval, within which an
/// Active peer must speak.
void Fsm::notice_sleep() {
  auto* active = std::get_if<Active>(&state_);
  if (active == nullptr || active->listening) return;
  const Duration asleep = now_ - active->last_sent;
  if (asleep <= down_interval(parameters_.interval)) return;
  active->listening = true;
  arm(*active, now_ + parameters_.interval);
  explain(fmt::format("slept for {}: listens before it speaks", roughly(asleep)));
}

// --- Small decisions -----------------------------------------------------------------------------

void Fsm::advertise(Active& active) {
  actions_.emplace_back(SendAdvertisement{parameters_.priority});
  active.last_sent = now_;
}

void Fsm::arm(Active& active, TimePoint at) {
  active.deadline = std::min(at, active.away_until.value_or(TimePoint::max()));
  actions_.emplace_back(ArmDeadline{active.deadline});
}

void Fsm::arm(const Backup& backup) {
  actions_.emplace_back(
      ArmDeadline{std::min(backup.deadline, backup.adopting_until.value_or(TimePoint::max()))});
}

bool Fsm::beats_us(const Heard& event) const {
  return event.priority > parameters_.priority ||
         (event.priority == parameters_.priority && event.sender > parameters_.own_address);
}

std::string Fsm::what_blocks() const {
  const std::string own = what_blocks_us();
  return !own.empty() ? own : faults_[static_cast<size_t>(Fault::group)];
}

std::string Fsm::what_blocks_us() const {
  // What the operator did comes first: he must not look for a fault.
  const std::string& demoted = faults_[static_cast<size_t>(Fault::demoted)];
  for (const std::string* trouble : {&demoted, &link_trouble_, &serving_trouble_}) {
    if (!trouble->empty()) return *trouble;
  }
  const std::string& tracked = faults_[static_cast<size_t>(Fault::tracked)];
  return !tracked.empty() ? tracked : witness_trouble_;
}

std::string Fsm::why_deadline_passed(const Backup& backup) const {
  if (!last_heard_ || last_heard_->at < since_) {
    return fmt::format("heard nobody for {}", roughly(now_ - since_));
  }
  const std::string sender = last_heard_->sender.to_string();
  if (backup.resigned) return fmt::format("peer {} resigned", sender);
  if (preempts(backup) && last_heard_->priority < parameters_.priority &&
      now_ - last_heard_->at <= 3 * backup.active_interval) {
    return fmt::format("preempts peer {}: its priority {} against our {}", sender,
                       last_heard_->priority, parameters_.priority);
  }
  return fmt::format("peer {} silent for {}", sender, roughly(now_ - last_heard_->at));
}

}  // namespace hapair::vrrp
