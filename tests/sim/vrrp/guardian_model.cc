// The guardian of a simulated node: the real judgement (vrrpd/guardian/watch), and around it what a
// speaker leaves in the shared memory, how long processes take, and the kernel's lease of the VIP.
#include <algorithm>

#include <fmt/format.h>

#include "tests/sim/vrrp/world.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp::sim {

namespace {

constexpr Duration kDeathSeen = 100us;  // by the lifeline
constexpr Duration kKillTakes = 200us;
constexpr Duration kLease = 2s;

}  // namespace

void World::start_guardian(int node) {
  Node& self = nodes_[node];
  self.watch = std::make_unique<Watch>();
  self.memory = Memory{};
  ++self.life;
  decide(node, Begin{});
}

View World::view(int node) const {
  const Node& self = nodes_[node];
  return {.alive = self.stalled ? self.stalled_since : now_,
          .in_place = self.fsm != nullptr,
          .fastest = self.memory.active ? setup_.interval : Duration::zero()};
}

void World::decide(int node, const WatchEvent& event) {
  Node& self = nodes_[node];
  if (self.watch == nullptr || self.frozen) return;
  for (const WatchAction& action : self.watch->step(event, view(node), now_)) {
    carry_out(node, action);
    if (self.watch == nullptr) return;
  }
  if (const auto deadline = self.watch->deadline()) {
    const uint64_t alarm = ++self.alarm;
    at(std::max(*deadline, now_), [this, node, alarm] {
      if (nodes_[node].alarm == alarm) decide(node, TimePassed{});
    });
  }
}

void World::carry_out(int node, const WatchAction& action) {
  Node& self = nodes_[node];
  switch (action.verb) {
    case Verb::spawn: {
      const uint64_t life = ++self.life;
      at(now_ + self.start_takes, [this, node, life] {
        Node& next = nodes_[node];
        if (next.life != life || !next.powered) return;
        if (next.frozen) {
          next.start_missed = true;
        } else {
          start_speaker(node);
        }
      });
      break;
    }
    case Verb::terminate:
    case Verb::exit:
      break;
    case Verb::kill:
      tell(node, "guardian kills: " + action.why);
      self.fsm.reset();
      ++self.timer;
      ++self.life;
      self.stalled = false;
      at(now_ + kKillTakes, [this, node, life = self.life] {
        if (nodes_[node].life == life && nodes_[node].powered) decide(node, SpeakerDied{});
      });
      break;
    case Verb::bury:
      if (self.memory.active) {
        tell(node, "guardian buries");
        self.vip = false;
        send(node, 0);
      }
      self.memory = Memory{};
      break;
    case Verb::renew:
      if (self.vip && now_ - self.memory.last_sent <=
                          active_down_interval(setup_.node[node].priority, setup_.interval)) {
        renew_lease(node);
      }
      break;
  }
}

/// The kernel takes the VIP away when nobody renews it.
void World::renew_lease(int node) {
  const uint64_t lease = ++nodes_[node].lease;
  at(now_ + kLease, [this, node, lease] {
    Node& self = nodes_[node];
    if (self.lease != lease || !self.vip) return;
    tell(node, "lease ends");
    lose_vip(node);
  });
}

void World::start_speaker(int node) {
  Node& self = nodes_[node];
  const Memory left = self.memory;
  if (!left.active) {
    boot(node);
    return decide(node, TimePassed{});
  }
  make_fsm(node);
  tell(node, "speaker goes on");
  step(node,
       Resumed{.active = true, .reason = "of old", .since = now_, .last_sent = left.last_sent});
  if (!self.serving) step(node, ServingLost{"lbcore is not serving"});
  decide(node, TimePassed{});
}

/// What the speaker publishes at each turn.
void World::publish(int node) {
  Node& self = nodes_[node];
  if (self.fsm == nullptr) return;
  const bool active = self.fsm->role() == Role::active;
  if (std::exchange(self.memory.active, active) != active) decide(node, TimePassed{});
}

void World::kill_speaker(int node, Duration next_takes) {
  Node& self = nodes_[node];
  if (!self.powered || self.fsm == nullptr || self.frozen || self.watch == nullptr) return;
  tell(node, fmt::format("speaker killed; the next one takes {} us", next_takes / 1us));
  self.start_takes = next_takes;
  drop_speaker(node);
  at(now_ + kDeathSeen, [this, node, life = self.life] {
    if (nodes_[node].life != life || !nodes_[node].powered) return;
    if (nodes_[node].frozen) {
      nodes_[node].death_missed = true;
    } else {
      decide(node, SpeakerDied{});
    }
  });
}

void World::drop_speaker(int node) {
  Node& self = nodes_[node];
  self.fsm.reset();
  self.stalled = false;
  self.deadline_missed = false;
  self.vip_loss_missed = false;
  self.unread.clear();
  ++self.timer;
  ++self.life;
}

void World::stall_speaker(int node) {
  Node& self = nodes_[node];
  if (!self.powered || self.fsm == nullptr || self.frozen || self.stalled) return;
  if (self.watch == nullptr) return;
  tell(node, "speaker stands still");
  self.stalled = true;
  self.stalled_since = now_;
}

/// The speaker sees its end of the channel close: releases, resigns, leaves. A supervisor starts
/// both again.
void World::kill_guardian(int node, Duration restart_takes) {
  Node& self = nodes_[node];
  if (!self.powered || self.frozen || self.stalled || self.watch == nullptr) return;
  tell(node, "guardian killed");
  self.watch.reset();
  ++self.alarm;
  if (self.fsm != nullptr) step(node, Shutdown{"the guardian died"});
  drop_speaker(node);
  restart_later(node, restart_takes);
}

/// Nobody is left to act: the VIP stays until its lease ends, or the node is started again.
void World::kill_both(int node, Duration restart_takes) {
  Node& self = nodes_[node];
  if (!self.powered || self.frozen || self.watch == nullptr) return;
  tell(node, "guardian and speaker killed");
  self.watch.reset();
  ++self.alarm;
  drop_speaker(node);
  restart_later(node, restart_takes);
}

void World::restart_later(int node, Duration takes) {
  at(now_ + takes, [this, node, life = nodes_[node].life] {
    Node& self = nodes_[node];
    if (self.life != life || !self.powered || self.watch != nullptr) return;
    self.vip = false;  // what an earlier life left is removed at start
    start_guardian(node);
  });
}

}  // namespace hapair::vrrp::sim
