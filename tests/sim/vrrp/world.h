// Two nodes with the real VRRP state machine in virtual time, on a switch that loses, delays,
// duplicates and partitions, with clients behind it that know what a switch knows: the port from
// which the VIP was announced last.
//
// The shell around the state machine is modelled as the daemon's is: what waits in the receive
// queue is read before a late deadline is acted upon; a node without power holds nothing. The
// guardian decides with its real code (guardian_model.cc). Everything follows from the seed: the
// same seed is the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "common/clock.h"
#include "vrrpd/election/fsm.h"
#include "vrrpd/guardian/watch.h"

namespace hapair::vrrp::sim {

struct NodeSetup {
  uint8_t priority = 100;
  bool preempt = false;
  Duration preempt_delay{0};
};

struct PairSetup {
  Duration interval = 100ms;
  NodeSetup node[2];
  Duration delay_least = 10us;
  Duration delay_most = 500us;
};

class World {
 public:
  World(PairSetup setup, uint64_t seed);

  // --- What can be done to it, at any time
  void at(TimePoint when, std::function<void()> what);
  void power(int node, bool on);                     // off: processes and addresses are gone
  void kill_speaker(int node, Duration next_takes);  // the next one is in place after that
  void stall_speaker(int node);                      // SIGSTOP, or an endless loop
  void kill_guardian(int node, Duration restart_takes);
  void kill_both(int node, Duration restart_takes);
  void freeze(int node, bool on);  // SIGSTOP or a paused machine: addresses stay, nothing runs
  void set_uplink(int node, bool works);  // what the node sends reaches the switch
  void set_downlink(int node, bool works);
  void set_loss(double share) { loss_ = share; }
  void set_duplicates(double share) { duplicates_ = share; }
  void serving(int node, bool on);
  void remove_vip(int node);  // somebody else removes the address

  /// Lets virtual time pass. Stops early at a broken invariant.
  void run_until(TimePoint end);

  // --- What can be seen of it
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] Role role(int node) const;
  [[nodiscard]] bool holds_vip(int node) const { return nodes_[node].vip; }
  /// Whether a client's packet to the VIP reaches a node that holds it and runs.
  [[nodiscard]] bool answered() const;
  /// Both hold the VIP, run, and can hear each other.
  [[nodiscard]] bool both_answer_and_hear() const;
  [[nodiscard]] bool healthy(
      int node) const;  // powered, running, both directions work, lbcore serves

  /// First broken invariant, or empty.
  [[nodiscard]] const std::string& violation() const { return violation_; }

  struct Times {
    Duration longest_dual{0};  // both answer although they can hear each other
    Duration longest_dark{0};  // nobody answers although a node is healthy
  };
  [[nodiscard]] const Times& times() const { return times_; }
  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }

 private:
  /// What a speaker leaves.
  struct Memory {
    bool active = false;
    TimePoint last_sent;
  };
  struct Node {
    std::unique_ptr<Fsm> fsm;
    std::unique_ptr<Watch> watch;
    Memory memory;
    uint64_t life = 0;   // of the speaker
    uint64_t alarm = 0;  // number of the guardian's timer
    uint64_t lease = 0;  // number of the last renewal
    Duration start_takes{2ms};
    bool stalled = false;  // the speaker only
    TimePoint stalled_since;
    bool start_missed = false;
    bool death_missed = false;
    bool powered = true;
    bool frozen = false;
    bool serving = true;
    bool vip = false;
    bool uplink = true;
    bool downlink = true;
    std::optional<TimePoint> deadline;
    uint64_t timer = 0;            // number of the armed timer: an older one is void
    std::deque<Heard> unread;      // the kernel's receive queue while frozen
    bool deadline_missed = false;  // fired while frozen
    bool vip_loss_missed = false;
  };
  struct Event {
    TimePoint when;
    uint64_t order;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  void boot(int node);
  void make_fsm(int node);
  void thaw(int node);
  void lose_vip(int node);
  // The guardian: guardian_model.cc.
  void start_guardian(int node);
  void start_speaker(int node);
  void drop_speaker(int node);
  void restart_later(int node, Duration takes);
  void renew_lease(int node);
  void publish(int node);
  void decide(int node, const WatchEvent& event);
  void carry_out(int node, const WatchAction& action);
  [[nodiscard]] View view(int node) const;
  void step(int node, const vrrp::Event& event);
  void execute(int node, const Action& action);
  void send(int node, uint8_t priority);
  void deliver(int to, const Heard& heard);
  void announce(int node);
  void check(TimePoint until);
  void tell(int node, std::string_view what);
  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }

  PairSetup setup_;
  std::mt19937_64 random_;
  TimePoint now_{1000s};
  uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Node nodes_[2];
  double loss_ = 0;
  double duplicates_ = 0;
  std::optional<int> port_of_vip_;  // where the switch and the clients believe the VIP to be
  std::optional<TimePoint> dual_since_;
  std::optional<TimePoint> dark_since_;
  Times times_;
  std::string violation_;
  std::vector<std::string> story_;
};

}  // namespace hapair::vrrp::sim
