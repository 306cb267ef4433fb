// What a router does in a handover without loss, while lbcore moves the connections; `Handover`
// (handover.h) decides when. All of it is beyond the RFC.
//
//   - The Active that hands over is *away*: it takes its VIPs off the interface, says nothing of it
//     and goes on advertising, so that nobody's Active_Down_Timer ends. The first word of another
//     Active makes it Backup; a deadline brings its VIPs back.
//   - The Backup that takes over *adopts* the VIPs: it holds them, and nobody knows. Told to, it
//     becomes Active and announces them; a deadline, shorter than the Active's, takes them away.
//   - Whoever is Active after adopting did not win by being heard: what the other one said before
//     it heard of it is no reason to yield, for one interval.
#include <utility>

#include <fmt/format.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

std::optional<TimePoint> Fsm::away_until() const {
  const auto* active = std::get_if<Active>(&state_);
  return active != nullptr ? active->away_until : std::nullopt;
}

bool Fsm::adopting() const {
  const auto* backup = std::get_if<Backup>(&state_);
  return backup != nullptr && backup->adopting_until.has_value();
}

void Fsm::on(const Release& event) {
  auto* active = std::get_if<Active>(&state_);
  if (active == nullptr || active->listening || active->away_until || event.until <= now_) return;
  active->away_until = event.until;
  active->announce_due.reset();
  actions_.emplace_back(RemoveAddresses{});
  arm(*active, active->deadline);
  explain("hands over: its VIPs are on their way to the peer");
}

void Fsm::on(const Reclaim& event) {
  auto* active = std::get_if<Active>(&state_);
  if (active != nullptr && active->away_until) reclaim(*active, event.reason);
}

void Fsm::reclaim(Active& active, std::string reason) {
  active.away_until.reset();
  if (!active.listening) {  // else it will, unless it hears another one
    actions_.emplace_back(AddAddresses{});
    announce(active);
  }
  explain(std::move(reason));
}

/// Who is heard has the role, or had it.
void Fsm::heard_away(Active& active, const Heard& event) {
  if (event.priority == kResignPriority) {
    reclaim(active, fmt::format("takes its VIPs back: {} resigned", event.sender.to_string()));
    if (!active.listening) advertise(active);
    return;
  }
  become_backup(event.interval, fmt::format("handed over to {}", event.sender.to_string()));
  handed_over_ = true;
}

void Fsm::on(const Given& event) {
  const auto* active = std::get_if<Active>(&state_);
  if (active == nullptr || !active->away_until) return;
  become_backup(parameters_.interval, event.reason);
  handed_over_ = true;
}

void Fsm::on(const Adopt& event) {
  auto* backup = std::get_if<Backup>(&state_);
  if (backup == nullptr || backup->adopting_until || event.until <= now_) return;
  backup->adopting_until = event.until;
  actions_.emplace_back(AddAddresses{});
  arm(*backup);
  explain("adopts the VIPs that the peer hands over");
}

void Fsm::on(const Unadopt& event) {
  auto* backup = std::get_if<Backup>(&state_);
  if (backup != nullptr && backup->adopting_until) unadopt(*backup, event.reason);
}

void Fsm::unadopt(Backup& backup, std::string reason) {
  backup.adopting_until.reset();
  actions_.emplace_back(RemoveAddresses{});
  arm(backup);
  explain(std::move(reason));
}

/// Too late is too late: the other node may have its VIPs back.
void Fsm::on(const TakeRole& event) {
  auto* backup = std::get_if<Backup>(&state_);
  if (backup == nullptr || !backup->adopting_until) return;
  if (now_ >= *backup->adopting_until) {
    unadopt(*backup, "follows again: the handover was not finished in time");
    return;
  }
  become_active(event.reason);
}

}  // namespace hapair::vrrp
