// What a pair knows beyond its LAN: the peer's own word on the pair path, and a witness that says
// whether this node is the one that is cut off. All of it is beyond the RFC.
//
//   - A Backup whose LAN is silent asks before it takes over. It begins to ask with the first
//     advertisement that is missing, and decides when the deadline passes: a living Active peer
//     keeps it Backup, and asking never postpones anything.
//   - Nobody heard on either path: with a witness configured, promotion needs its answer.
//   - An Active whose witness fails steps down, unless the peer could not do better.
//   - Two Actives that hear each other on the pair path only: one of them steps down.
//   - A resign on the pair path comes from the peer itself and only after its VIPs are gone, so
//   that
//     nothing is gained by waiting for Skew_Time, which exists to let the best of several Backups
//     win.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/intervals.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kYieldAfterDispute =
    30s;  // who preempts without being heard tries again after that

}  // namespace

std::string_view Fsm::peer_name() const {
  return pair_ ? std::string_view(pair_->node) : std::string_view("the peer");
}

/// 5/4 of an interval after the last advertisement; after a resign, at once.
std::optional<TimePoint> Fsm::first_miss() const {
  const auto* backup = std::get_if<Backup>(&state_);
  if (backup == nullptr) return std::nullopt;
  if (backup->resigned) return TimePoint{};
  return backup->deadline - down_interval() + backup->active_interval * 5 / 4;
}

bool Fsm::hears_another(TimePoint now) const {
  return last_heard_ && last_heard_->priority != kResignPriority &&
         now - last_heard_->at <= down_interval();
}

// --- Words on the pair path ----------------------------------------------------------------------

void Fsm::on(const PairWord& event) {
  const Role before = pair_ ? pair_->role : Role::initialize;
  pair_ = event;
  if (std::holds_alternative<Initialize>(state_)) {
    end_boot_hold();
  } else if (auto* backup = std::get_if<Backup>(&state_)) {
    word_in(*backup);
  } else if (auto* active = std::get_if<Active>(&state_)) {
    word_in(*active, before);
  }
  reconsider_witness();
}

void Fsm::on(const PairSilent&) {
  pair_.reset();
  if (auto* backup = std::get_if<Backup>(&state_); backup != nullptr && backup->adopting_until) {
    // It may take its VIPs back, and we would not know.
    unadopt(*backup, "follows again: the peer fell silent while it handed over");
  }
  reconsider_witness();
}

void Fsm::on(const PeerResigned& event) {
  if (role() != Role::backup) return;
  become_active(fmt::format("peer {} resigned on the pair path", event.node));
}

/// The LAN has been silent for longer than the deadline, and the Active that kept us is none any
/// more.
void Fsm::word_in(Backup& backup) {
  if (backup.kept_by != Backup::KeptBy::peer || pair_->role == Role::active) return;
  if (may_take_over(backup)) {
    become_active(
        fmt::format("LAN silent; peer {} says that it is {}", pair_->node, name(pair_->role)));
  }
}

void Fsm::word_in(Active& active, Role before) {
  if (pair_->role != Role::active) {
    // It was Active too: clients may have learnt its port.
    if (before == Role::active && !active.listening && !active.away_until) {
      announce_again(active, Duration(2ms));
    }
    return;
  }
  if (active.away_until) {
    on(Given{fmt::format("handed over: {} is Active, says the pair path", pair_->node)});
    return;
  }
  if (active.listening && !parameters_.preempt && parameters_.priority != kOwnerPriority) {
    become_backup(pair_->interval, fmt::format("slept; {} took over meanwhile", pair_->node));
    return;
  }
  // What it says of us is from before it could hear us, when we are Active since just now.
  if (now_ - since_ < parameters_.interval / 2 || now_ < active.undisputed_until ||
      !peer_wins(*pair_)) {
    return;
  }
  const bool heard = pair_->hears_us;
  become_backup(pair_->interval,
                fmt::format("{} is Active too, says the pair path, and {}", pair_->node,
                            hears_another(now_) && !heard ? "does not hear us on the LAN"
                                                          : "wins the election"));
  if (auto* backup = std::get_if<Backup>(&state_); backup != nullptr && !heard) {
    backup->yields_until = now_ + kYieldAfterDispute;
  }
}

/// Who is heard on the LAN by one that it does not hear has the working line to the clients; else
/// the RFC's rule (6.4.3) decides.
bool Fsm::peer_wins(const PairWord& word) const {
  const bool we_hear = hears_another(now_);
  if (we_hear != word.hears_us) return we_hear;
  return word.priority > parameters_.priority ||
         (word.priority == parameters_.priority && word.address > parameters_.own_address);
}

// --- Before a takeover ---------------------------------------------------------------------------

bool Fsm::may_take_over(Backup& backup) {
  // From when on only what was said counts.
  const TimePoint silent_since =
      backup.resigned ? last_heard_->at : now_ - down_interval() + backup.active_interval;
  // A worse Active that is heard right now; one that has just stopped to be heard is asked first.
  const bool worse_heard = preempts(backup) && hears_another(now_) &&
                           now_ - last_heard_->at <= backup.active_interval * 3 / 2 &&
                           last_heard_->priority < parameters_.priority;
  if (worse_heard) {
    if (witness_fails_.empty()) return true;
    keep(backup, Backup::KeptBy::witness, witness_fails_ + ": does not preempt");
    return false;
  }
  const bool alive = pair_ && pair_->proven >= silent_since;
  if (alive && pair_->role == Role::active) {
    keep(backup, Backup::KeptBy::peer,
         fmt::format("LAN silent; peer {} is Active and well on the pair path", peer_name()));
    return false;
  }
  if (!parameters_.witness) return true;
  if (alive) {
    if (witness_fails_.empty() || pair_->role != Role::backup || !peer_sees_more()) return true;
    keep(backup, Backup::KeptBy::witness,
         fmt::format("LAN silent; {}: leaves the role to {}", witness_fails_, peer_name()));
    return false;
  }
  if (witness_answered_ && *witness_answered_ >= silent_since) return true;
  keep(backup, Backup::KeptBy::witness, "LAN and pair path silent, and so is the witness");
  return false;
}

void Fsm::keep(Backup& backup, Backup::KeptBy by, std::string reason) {
  backup.kept_by = by;
  explain(std::move(reason));
}

/// Who hears its peer can hear, and need not wait longer.
void Fsm::end_boot_hold() {
  if (!started_ || !what_blocks().empty() || !hold_ || !hold_->until_heard) return;
  hold_.reset();
  leave_initialize_if_possible();
}

// --- The witness ---------------------------------------------------------------------------------

void Fsm::on(const WitnessAnswered&) {
  witness_answered_ = now_;
  witness_fails_.clear();
  peer_saw_it_.reset();
  if (!std::exchange(witness_trouble_, {}).empty()) leave_initialize_if_possible();
  end_boot_hold();
  auto* backup = std::get_if<Backup>(&state_);
  if (backup == nullptr || backup->kept_by != Backup::KeptBy::witness) return;
  if (backup->resigned) {
    become_active(why_deadline_passed(*backup));
    return;
  }
  // We were cut off, it seems, and an Active must be heard within an interval.
  const Duration speaks_within =
      backup->active_interval + skew_time(parameters_.priority, backup->active_interval);
  backup->deadline = std::min(backup->deadline, now_ + speaks_within);
  arm(*backup);
}

void Fsm::on(const WitnessFailed& event) {
  witness_fails_ = event.reason;
  witness_silent_since_ = event.since;
  witness_asked_ = event.asked;
  reconsider_witness();
}

/// An Active that is cut off gives the role away. Where the peer's witness is silent as well, or
/// the peer does not take part, nothing would be better afterwards: it stays. Nor does the peer see
/// more when the witness has just come back and was asked by it first: one probe of ours must have
/// failed after its answer.
void Fsm::reconsider_witness() {
  if (role() != Role::active || !parameters_.witness || witness_fails_.empty()) return;
  if (pair_) {
    if (pair_->role == Role::initialize) return;
    if (!peer_saw_it_) {
      if (!peer_sees_more()) return;
      peer_saw_it_ = pair_->witness_answered;
      if (witness_asked_ < *peer_saw_it_) actions_.emplace_back(AskWitness{});
    }
    if (witness_asked_ < *peer_saw_it_) return;
  }
  witness_trouble_ = witness_fails_;
  become_initialize(witness_trouble_);
}

/// The peer's witness has answered since ours fell silent.
bool Fsm::peer_sees_more() const {
  return pair_ && pair_->witness_answered && *pair_->witness_answered > witness_silent_since_;
}

}  // namespace hapair::vrrp
