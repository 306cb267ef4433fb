// Two state machines on one wire in virtual time: what the transitions add up to. The wire delays,
// and can be cut in either direction; VIPs are counted at every instant.
#include <array>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {
namespace {

constexpr TimePoint kStart{100s};
constexpr Duration kWireDelay = 200us;

class Pair {
 public:
  Pair(const Parameters& first, const Parameters& second) {
    nodes_[0].parameters = first;
    nodes_[1].parameters = second;
    for (Node& node : nodes_) node.fsm.emplace(node.parameters);
  }

  void start(size_t node) {
    feed(node, Startup{});
    feed(node, LinkUp{});
  }
  /// The process is gone, its VIP as well (the guardian's work); nothing was said.
  void crash(size_t node) {
    nodes_[node].fsm.reset();
    nodes_[node].deadline.reset();
    nodes_[node].has_vip = false;
  }
  void restart(size_t node) {
    nodes_[node].fsm.emplace(nodes_[node].parameters);
    start(node);
  }
  /// No time passes for it; what arrives meanwhile is lost.
  void freeze(size_t node, bool frozen) { nodes_[node].frozen = frozen; }
  void cut(size_t from, bool is_cut) { nodes_[from].cut = is_cut; }
  void feed(size_t node, const Event& event) {
    if (nodes_[node].fsm) execute(node, nodes_[node].fsm->step(event, now_));
  }

  void run_for(Duration duration) {
    const TimePoint end = now_ + duration;
    while (true) {
      // The earliest of the next delivery and the two deadlines.
      TimePoint next = end;
      std::optional<size_t> expired;
      if (!wire_.empty()) next = std::min(next, wire_.begin()->first);
      for (size_t i = 0; i < 2; ++i) {
        if (nodes_[i].frozen || !nodes_[i].deadline) continue;
        if (std::max(*nodes_[i].deadline, now_) < next) {
          next = std::max(*nodes_[i].deadline, now_);
          expired = i;
        }
      }
      advance(next);
      if (expired) {
        nodes_[*expired].deadline.reset();
        feed(*expired, DeadlinePassed{});
      } else if (!wire_.empty() && wire_.begin()->first == next && next < end) {
        const auto [to, heard] = wire_.begin()->second;
        wire_.erase(wire_.begin());
        if (!nodes_[to].frozen) feed(to, heard);
      } else {
        return;
      }
    }
  }

  [[nodiscard]] Role role(size_t node) const { return nodes_[node].fsm->role(); }
  [[nodiscard]] int transitions(size_t node) const { return nodes_[node].transitions; }
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Time since the last call during which two nodes, or none, had the VIP.
  Duration take_doubled() { return std::exchange(doubled_, Duration::zero()); }
  Duration take_nobody() { return std::exchange(nobody_, Duration::zero()); }

 private:
  struct Node {
    Parameters parameters;
    std::optional<Fsm> fsm;
    std::optional<TimePoint> deadline;
    bool has_vip = false;
    bool frozen = false;
    bool cut = false;
    int transitions = 0;
  };

  void execute(size_t node, const Actions& actions) {
    Node& self = nodes_[node];
    for (const Action& action : actions) {
      if (const auto* send = std::get_if<SendAdvertisement>(&action)) {
        if (self.cut) continue;
        wire_.emplace(now_ + kWireDelay,
                      std::pair(1 - node, Heard{.sender = self.parameters.own_address,
                                                .priority = send->priority,
                                                .interval = self.parameters.interval}));
      } else if (std::holds_alternative<AddAddresses>(action)) {
        self.has_vip = true;
      } else if (std::holds_alternative<RemoveAddresses>(action)) {
        self.has_vip = false;
      } else if (const auto* arm = std::get_if<ArmDeadline>(&action)) {
        self.deadline = arm->at;
      } else if (std::holds_alternative<DisarmDeadline>(action)) {
        self.deadline.reset();
      } else if (const auto* notify = std::get_if<Notify>(&action)) {
        if (notify->from != notify->to) ++self.transitions;
      }
    }
  }

  void advance(TimePoint to) {
    const int holders = (nodes_[0].has_vip ? 1 : 0) + (nodes_[1].has_vip ? 1 : 0);
    if (holders == 2) doubled_ += to - now_;
    if (holders == 0) nobody_ += to - now_;
    now_ = to;
  }

  std::array<Node, 2> nodes_;
  std::multimap<TimePoint, std::pair<size_t, Heard>> wire_;
  TimePoint now_ = kStart;
  Duration doubled_{0};
  Duration nobody_{0};
};

Parameters node(uint8_t priority, const char* address, bool preempt = false) {
  return {.priority = priority,
          .interval = 10ms,
          .preempt = preempt,
          .own_address = IpAddress::parse(address).value()};
}

/// lb1 with priority 150 is Active, lb2 with 100 is Backup.
Pair running(bool preempt = false) {
  Pair pair(node(150, "10.0.0.1", preempt), node(100, "10.0.0.2", preempt));
  pair.start(0);
  pair.run_for(1ms);
  pair.start(1);
  pair.run_for(1s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
  pair.take_nobody();
  EXPECT_EQ(pair.take_doubled(), Duration::zero());
  return pair;
}

TEST(TwoNodes, started_together_the_better_one_is_active_and_never_both) {
  Pair pair(node(150, "10.0.0.1"), node(100, "10.0.0.2"));
  pair.start(1);
  pair.start(0);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
  EXPECT_EQ(pair.take_doubled(), Duration::zero());
}

TEST(TwoNodes, with_equal_priorities_the_greater_address_wins_within_an_interval) {
  Pair pair(node(100, "10.0.0.1"), node(100, "10.0.0.2"));
  pair.start(0);
  pair.start(1);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::backup);
  EXPECT_EQ(pair.role(1), Role::active);
  EXPECT_LE(pair.take_doubled(), 10ms);
}

TEST(TwoNodes, a_dead_active_is_replaced_within_the_down_interval) {
  Pair pair = running();
  pair.crash(0);
  pair.run_for(1s);
  EXPECT_EQ(pair.role(1), Role::active);
  EXPECT_LE(pair.take_nobody(), active_down_interval(100, 10ms));
  EXPECT_EQ(pair.take_doubled(), Duration::zero());
}

TEST(TwoNodes, a_stopped_active_is_replaced_within_skew_time) {
  Pair pair = running();
  pair.feed(0, Shutdown{"stopped"});
  pair.run_for(1s);
  EXPECT_EQ(pair.role(1), Role::active);
  EXPECT_LE(pair.take_nobody(), skew_time(100, 10ms) + kWireDelay);
}

TEST(TwoNodes, a_returning_node_takes_nothing_back_without_preempt) {
  Pair pair = running();
  pair.crash(0);
  pair.run_for(1s);
  pair.take_nobody();
  pair.restart(0);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::backup);
  EXPECT_EQ(pair.role(1), Role::active);
  EXPECT_EQ(pair.take_nobody(), Duration::zero());
  EXPECT_EQ(pair.take_doubled(), Duration::zero());
}

TEST(TwoNodes, a_returning_node_takes_the_role_back_with_preempt) {
  Pair pair = running(true);
  pair.crash(0);
  pair.run_for(1s);
  pair.take_nobody();
  pair.restart(0);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
  EXPECT_LE(pair.take_doubled(), kWireDelay);
}

TEST(TwoNodes, a_split_brain_ends_within_one_interval_after_they_hear_each_other) {
  Pair pair = running();
  pair.cut(0, true);
  pair.cut(1, true);
  pair.run_for(1s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::active);
  pair.take_doubled();
  pair.cut(0, false);
  pair.cut(1, false);
  pair.run_for(1s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
  EXPECT_LE(pair.take_doubled(), 10ms + kWireDelay);
}

TEST(TwoNodes, one_that_slept_while_active_finds_the_other_active_and_stays_backup) {
  Pair pair = running();
  pair.freeze(0, true);
  pair.run_for(2s);
  EXPECT_EQ(pair.role(1), Role::active);
  const int before = pair.transitions(1);
  pair.take_doubled();
  pair.freeze(0, false);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::backup);
  EXPECT_EQ(pair.role(1), Role::active);
  EXPECT_EQ(pair.transitions(1), before);  // it never lost the role
  EXPECT_LE(pair.take_doubled(), 10ms + kWireDelay);
}

TEST(TwoNodes, one_that_slept_as_backup_does_not_take_over_on_waking) {
  Pair pair = running();
  pair.freeze(1, true);
  pair.run_for(2s);
  pair.freeze(1, false);
  pair.run_for(10s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
  EXPECT_EQ(pair.take_doubled(), Duration::zero());
}

TEST(TwoNodes, an_active_alone_that_slept_keeps_the_vip) {
  Pair pair = running();
  pair.crash(1);
  pair.freeze(0, true);
  pair.run_for(2s);
  pair.freeze(0, false);
  pair.run_for(1s);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.take_nobody(), Duration::zero());
}

TEST(TwoNodes, a_wire_cut_in_one_direction_costs_the_side_that_is_not_heard) {
  // lb2 hears nothing and becomes Active; lb1 hears it, answers in vain: nobody may flap.
  Pair pair = running();
  pair.cut(0, true);
  pair.run_for(10s);
  EXPECT_EQ(pair.transitions(0), 2);  // Backup, Active
  EXPECT_EQ(pair.role(1), Role::active);
  pair.cut(0, false);
  pair.run_for(100ms);
  EXPECT_EQ(pair.role(0), Role::active);
  EXPECT_EQ(pair.role(1), Role::backup);
}

}  // namespace
}  // namespace hapair::vrrp
