#include "tests/sim/vrrp/world.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hapair::vrrp::sim {

namespace {

IpAddress address_of(int node) {
  return IpAddress::v4(0x0a000001U + static_cast<uint32_t>(node));
}

constexpr Duration kReinstate = 1ms;  // until netlink has told that an address is gone

}  // namespace

World::World(PairSetup setup, uint64_t seed) : setup_(setup), random_(seed) {
  for (int node : {0, 1}) start_guardian(node);
}

void World::at(TimePoint when, std::function<void()> what) {
  events_.push({when, order_++, std::move(what)});
}

void World::make_fsm(int node) {
  Node& self = nodes_[node];
  self.deadline.reset();
  self.deadline_missed = false;
  self.vip_loss_missed = false;
  self.unread.clear();
  ++self.timer;
  self.fsm = std::make_unique<Fsm>(Parameters{.priority = setup_.node[node].priority,
                                              .interval = setup_.interval,
                                              .preempt = setup_.node[node].preempt,
                                              .boot_hold = Duration::zero(),
                                              .sync_wait = Duration::zero(),
                                              .announce_refresh = 10 * setup_.interval,
                                              .own_address = address_of(node)});
}

void World::boot(int node) {
  make_fsm(node);
  nodes_[node].vip = false;  // what an earlier life left is removed at start
  step(node, LinkUp{});
  if (!nodes_[node].serving) step(node, ServingLost{"lbcore is not serving"});
  step(node, Startup{});
}

void World::power(int node, bool on) {
  Node& self = nodes_[node];
  if (self.powered == on) return;
  self.powered = on;
  tell(node, on ? "power on" : "power off");
  if (on) return start_guardian(node);
  self.watch.reset();
  ++self.alarm;
  drop_speaker(node);
  self.vip = false;
  self.frozen = false;
  self.start_missed = self.death_missed = false;
}

void World::freeze(int node, bool on) {
  Node& self = nodes_[node];
  if (!self.powered || self.watch == nullptr || self.frozen == on) return;
  self.frozen = on;
  tell(node, on ? "frozen" : "thawed");
  if (!on) thaw(node);
}

void World::thaw(int node) {
  Node& self = nodes_[node];
  // The guardian may be the first to run.
  decide(node, TimePassed{});
  if (std::exchange(self.death_missed, false)) decide(node, SpeakerDied{});
  if (std::exchange(self.start_missed, false) && self.fsm == nullptr) start_speaker(node);
  if (self.fsm == nullptr || self.stalled) return;
  // The daemon reads what waits before it acts on a deadline that it has missed.
  for (const Heard& heard : std::exchange(self.unread, {})) step(node, heard);
  if (std::exchange(self.vip_loss_missed, false)) step(node, AddressLost{});
  if (std::exchange(self.deadline_missed, false)) step(node, DeadlinePassed{});
}

void World::set_uplink(int node, bool works) {
  nodes_[node].uplink = works;
  tell(node, works ? "uplink works" : "uplink dead");
}

void World::set_downlink(int node, bool works) {
  nodes_[node].downlink = works;
  tell(node, works ? "downlink works" : "downlink dead");
}

void World::serving(int node, bool on) {
  Node& self = nodes_[node];
  if (self.serving == on || self.frozen) return;
  self.serving = on;
  tell(node, on ? "lbcore serves" : "lbcore does not serve");
  if (self.fsm == nullptr || self.stalled) return;  // the next one learns it
  if (on) {
    step(node, ServingRegained{});
  } else {
    step(node, ServingLost{"lbcore is not serving"});
  }
}

void World::remove_vip(int node) {
  Node& self = nodes_[node];
  if (!self.vip) return;
  tell(node, "VIP removed by somebody");
  lose_vip(node);
}

void World::lose_vip(int node) {
  nodes_[node].vip = false;
  at(now_ + kReinstate, [this, node] {
    if (nodes_[node].fsm == nullptr) return;
    if (nodes_[node].frozen || nodes_[node].stalled) {
      nodes_[node].vip_loss_missed = true;
    } else {
      step(node, AddressLost{});
    }
  });
}

Role World::role(int node) const {
  return nodes_[node].fsm == nullptr ? Role::initialize : nodes_[node].fsm->role();
}

bool World::healthy(int node) const {
  const Node& self = nodes_[node];
  return self.powered && self.fsm != nullptr && !self.frozen && !self.stalled && self.uplink &&
         self.downlink && self.serving;
}

bool World::answered() const {
  if (!port_of_vip_) return false;
  const Node& holder = nodes_[*port_of_vip_];
  return holder.vip && healthy(*port_of_vip_);
}

bool World::both_answer_and_hear() const {
  return nodes_[0].vip && nodes_[1].vip && healthy(0) && healthy(1) && loss_ == 0;
}

void World::step(int node, const vrrp::Event& event) {
  // Actions may outlive the state machine only if it is replaced, which none of them does.
  for (const Action& action : nodes_[node].fsm->step(event, now_)) execute(node, action);
  publish(node);
}

void World::execute(int node, const Action& action) {
  Node& self = nodes_[node];
  if (const auto* advertisement = std::get_if<SendAdvertisement>(&action)) {
    if (advertisement->priority != 0) self.memory.last_sent = now_;
    send(node, advertisement->priority);
  } else if (std::holds_alternative<AddAddresses>(action)) {
    self.vip = true;
    renew_lease(node);
  } else if (std::holds_alternative<RemoveAddresses>(action)) {
    self.vip = false;
  } else if (std::holds_alternative<Announce>(action)) {
    announce(node);
  } else if (const auto* arm = std::get_if<ArmDeadline>(&action)) {
    self.deadline = arm->at;
    const uint64_t timer = ++self.timer;
    at(std::max(arm->at, now_), [this, node, timer] {
      Node& armed = nodes_[node];
      if (armed.timer != timer || armed.fsm == nullptr) return;
      if (armed.frozen || armed.stalled) {
        armed.deadline_missed = true;
      } else {
        step(node, DeadlinePassed{});
      }
    });
  } else if (std::holds_alternative<DisarmDeadline>(action)) {
    ++self.timer;
    self.deadline.reset();
    self.deadline_missed = false;
  } else if (const auto* notify = std::get_if<Notify>(&action)) {
    if (notify->from != notify->to) {
      tell(node,
           fmt::format("{} -> {} ({})", name(notify->from), name(notify->to), notify->reason));
    }
  }
}

void World::send(int node, uint8_t priority) {
  const int other = 1 - node;
  const Heard heard{.sender = address_of(node), .priority = priority, .interval = setup_.interval};
  const int copies = chance() < duplicates_ ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    if (!nodes_[node].uplink || chance() < loss_) continue;
    const auto spread =
        std::chrono::duration_cast<Duration>((setup_.delay_most - setup_.delay_least) * chance());
    at(now_ + setup_.delay_least + spread, [this, other, heard] { deliver(other, heard); });
  }
}

void World::deliver(int to, const Heard& heard) {
  Node& self = nodes_[to];
  if (!self.downlink || !self.powered || self.fsm == nullptr) return;
  if (self.frozen || self.stalled) {
    self.unread.push_back(heard);
  } else {
    step(to, heard);
  }
}

void World::announce(int node) {
  // An announcement is repeated a few times: one copy may be lost, not all.
  if (nodes_[node].uplink) port_of_vip_ = node;
}

void World::run_until(TimePoint end) {
  while (violation_.empty() && !events_.empty() && events_.top().when <= end) {
    const Event event = events_.top();
    events_.pop();
    check(event.when);
    now_ = event.when;
    event.what();
  }
  if (violation_.empty()) {
    check(end);
    now_ = end;
  }
}

/// The state stands still between events: whatever is true now stays true until `until`.
void World::check(TimePoint until) {
  const auto measure = [&](bool holds, std::optional<TimePoint>& since, Duration& longest) {
    if (!holds) return since.reset();
    if (!since) since = now_;
    longest = std::max(longest, until - *since);
  };
  measure(both_answer_and_hear(), dual_since_, times_.longest_dual);
  measure((healthy(0) || healthy(1)) && !answered(), dark_since_, times_.longest_dark);

  // Invariant 1: both answer for at most one advertisement interval after they can hear each other.
  if (times_.longest_dual > setup_.interval + 2 * setup_.delay_most) {
    violation_ = fmt::format(
        "both answered for {} us although they could hear each other",
        std::chrono::duration_cast<std::chrono::microseconds>(times_.longest_dual).count());
  }
  // Invariant 3: who does not serve does not hold.
  for (int node : {0, 1}) {
    const Node& self = nodes_[node];
    if (self.vip && self.fsm != nullptr && !self.frozen && !self.stalled &&
        self.fsm->role() != Role::active) {
      violation_ = fmt::format("node {} holds the VIP as {}", node + 1, name(self.fsm->role()));
    }
  }
}

void World::tell(int node, std::string_view what) {
  story_.push_back(fmt::format(
      "{:>10.3f} ms  node {}: {}",
      std::chrono::duration<double, std::milli>(now_ - TimePoint(1000s)).count(), node + 1, what));
}

}  // namespace hapair::vrrp::sim
