// One virtual router's state machine: RFC 9568 section 6.4, and what a load balancer needs around
// it.
//
// Pure: step(event, now) returns the ordered actions that the shell (`instance`) executes; it
// neither reads a clock nor touches a socket. All changes of state go through change_state().
// Beyond the RFC, each marked in fsm.cc:
//   - Initialize is where a router waits that must not take part: link trouble, lbcore not serving,
//   boot_hold
//   - an Active that leaves for such a reason releases its VIPs, then resigns
//   - a router that slept through its peer's down interval listens for one interval before it
//   speaks
//   - any evidence of a second Active makes the one that stays announce again: switches may have
//   learnt the wrong port; who loses says so with a resign, or the winner might never know that
//   there was a second one; and what no evidence reached is mended by announce_refresh
//   - the routers of a group move together (group.h, fsm_group.cc)
//   - between two nodes of a pair: what the pair path and the witness add (fsm_pair.cc)
//   - with preempt, a Backup whose tables are not in sync waits for them, at most sync_wait; then
//   preempt_delay runs; and after a handover it does not preempt until the new Active is lost
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/address.h"
#include "common/clock.h"
#include "vrrpd/election/actions.h"
#include "vrrpd/election/events.h"

namespace hapair::vrrp {

// --- States --------------------------------------------------------------------------------------

struct Initialize {};

struct Backup {
  TimePoint deadline;           // Active_Down_Timer
  Duration active_interval;     // Active_Adver_Interval: what the Active says, at first our own
  TimePoint preempt_from;       // out of sync, no preemption before this
  TimePoint yields_until = {};  // whatever preempt says
  bool resigned = false;        // the last word was priority 0
  // With preempt: since when a worse Active has been heard and nothing but the delay is in the way.
  std::optional<TimePoint> could_preempt_since = {};
  bool wants = false;             // the deadline has passed; the group holds it back
  bool waits_to_preempt = false;  // and the reason says so
  // It holds the VIPs that the peer hands over, until then; nobody was told.
  std::optional<TimePoint> adopting_until = {};
  // The deadline passed, and this kept us from taking over: nothing, the peer that is Active on the
  // pair path, or the witness that does not answer.
  enum class KeptBy : uint8_t { nothing, peer, witness } kept_by = KeptBy::nothing;
};

struct Active {
  TimePoint deadline;  // Adver_Timer
  TimePoint last_sent;
  // Announcements on evidence of a second Active: each time twice as long until the next.
  TimePoint announced;
  Duration announce_gap{0};
  std::optional<TimePoint> announce_due = {};  // owed, at the first advertisement from then on
  bool listening = false;  // woke up late: listens for one interval before it speaks
  // It hands over: its VIPs are gone and it advertises still, so that nobody else takes the role.
  // Then it puts them back.
  std::optional<TimePoint> away_until = {};
  // It took over without being heard first: an advertisement of the one before may be on its way.
  TimePoint undisputed_until = {};
};

class Fsm {
 public:
  explicit Fsm(Parameters parameters) : parameters_(parameters) {}

  [[nodiscard]] Actions step(const Event& event, TimePoint now);

  [[nodiscard]] Role role() const;
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// An operator gave the role away: no preemption until the new Active is lost.
  [[nodiscard]] bool handed_over() const { return handed_over_; }
  [[nodiscard]] TimePoint since() const { return since_; }
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  /// When the running timer ends; nothing while Initialize waits for an event.
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  /// Active_Adver_Interval as it stands.
  [[nodiscard]] Duration active_interval() const;
  /// Active_Down_Interval as it stands.
  [[nodiscard]] Duration down_interval() const;

  /// A Backup's time to look around, before its deadline: an advertisement is missing.
  [[nodiscard]] std::optional<TimePoint> first_miss() const;
  /// Whether another router's advertisements arrive.
  [[nodiscard]] bool hears_another(TimePoint now) const;
  /// What keeps it out, its group's other members aside; "" while it takes part.
  [[nodiscard]] std::string own_trouble() const;
  /// Nothing but its group keeps this Backup from taking over.
  [[nodiscard]] bool wants_role(TimePoint now) const;
  /// Active, and its VIPs are on their way to the peer.
  [[nodiscard]] bool away() const { return away_until().has_value(); }
  [[nodiscard]] std::optional<TimePoint> away_until() const;
  /// Backup, and holds the VIPs that the peer hands over.
  [[nodiscard]] bool adopting() const;
  /// The VIPs belong on the interface.
  [[nodiscard]] bool holds_addresses() const {
    return adopting() || (role() == Role::active && !away());
  }
  /// When this Backup heard the Active resign.
  [[nodiscard]] std::optional<TimePoint> resigned_at() const;

  [[nodiscard]] const std::optional<LastHeard>& last_heard() const { return last_heard_; }

 private:
  void on(const Startup&);
  void on(const Resumed& event);  // fsm_resume.cc
  void on(const Shutdown& event);
  void on(const Heard& event);
  void on(const DeadlinePassed&);
  void on(const LinkUp&);
  void on(const LinkDown& event);
  void on(const ServingRegained&);
  void on(const ServingLost& event);
  void on(const SyncChanged& event);
  void on(const FaultChanged& event);
  void on(const HandOver& event);
  void on(const TakeBack&);
  void on(const GroupHolds& event);
  void on(const GroupTakesOver& event);
  void on(const GroupYields& event);
  void on(const AddressLost&);
  void on(const ActionFailed& event);
  void on(const PairWord& event);
  void on(const PairSilent&);
  void on(const PeerResigned& event);
  void on(const WitnessAnswered&);
  void on(const WitnessFailed& event);
  void on(const Release& event);  // fsm_handover.cc
  void on(const Reclaim& event);
  void on(const Given& event);
  void on(const Adopt& event);
  void on(const Unadopt& event);
  void on(const TakeRole& event);
  void on(const Reconfigured& event);

  void heard_in(Initialize&, const Heard& event);
  void heard_in(Backup& backup, const Heard& event);
  void heard_in(Active& active, const Heard& event);
  void expired_in(Initialize&);
  void expired_in(Backup& backup);
  void expired_in(Active& active);

  bool waits_for_group(Backup& backup);  // fsm_group.cc

  // fsm_handover.cc
  void heard_away(Active& active, const Heard& event);
  void reclaim(Active& active, std::string reason);
  void unadopt(Backup& backup, std::string reason);

  // fsm_pair.cc
  void word_in(Backup& backup);
  void word_in(Active& active, Role before);
  bool may_take_over(Backup& backup);
  void end_boot_hold();
  void reconsider_witness();
  void keep(Backup& backup, Backup::KeptBy by, std::string reason);
  [[nodiscard]] bool peer_sees_more() const;
  [[nodiscard]] bool peer_wins(const PairWord& word) const;
  [[nodiscard]] std::string_view peer_name() const;

  void leave_initialize_if_possible();
  void stay_out(const std::string& reason);
  void become_initialize(std::string reason);
  void become_backup(Duration active_interval, std::string reason, bool somebody_won = true);
  void become_active(std::string reason);
  void change_state(std::variant<Initialize, Backup, Active> next, std::string reason);
  void explain(std::string reason);

  void advertise(Active& active);
  void notice_sleep();
  void arm(Active& active, TimePoint at);
  void arm(const Backup& backup);
  void announce(Active& active);
  void announce_again(Active& active, Duration gap);
  void consider_preemption(Backup& backup, const Heard& event);
  [[nodiscard]] Duration down_interval(Duration active_interval) const;
  [[nodiscard]] bool preempts(const Backup& backup) const;
  [[nodiscard]] bool beats_us(const Heard& event) const;
  [[nodiscard]] std::string what_blocks() const;
  [[nodiscard]] std::string what_blocks_us() const;
  [[nodiscard]] std::string why_deadline_passed(const Backup& backup) const;

  Parameters parameters_;
  std::variant<Initialize, Backup, Active> state_;
  std::string reason_ = "not started";
  TimePoint since_;
  std::optional<LastHeard> last_heard_;

  // What keeps the router in Initialize.
  bool started_ = false;
  std::string link_trouble_ = "the link's state is not known yet";
  std::string serving_trouble_;
  std::array<std::string, kFaults> faults_;  // by Fault
  std::string group_holds_;
  struct Hold {
    TimePoint until;
    std::string reason;
    bool until_heard = false;  // boot_hold: hearing another router ends it as well
  };
  std::optional<Hold> hold_;  // boot_hold, or the pause after a failed action

  bool in_sync_ = true;
  bool handed_over_ = false;

  std::optional<PairWord> pair_;  // while the peer is alive on the pair path
  std::optional<TimePoint> witness_answered_;
  std::string witness_fails_;             // why, as long as it does
  TimePoint witness_silent_since_;        // its first probe without an answer
  TimePoint witness_asked_;               // its last one
  std::optional<TimePoint> peer_saw_it_;  // the peer's witness answered while ours was silent
  std::string witness_trouble_;           // it made us step down

  // Of the step that runs.
  TimePoint now_;
  Actions actions_;
};

}  // namespace hapair::vrrp
