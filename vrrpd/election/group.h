// The routers of one node that move together: IPv4 and IPv6, inside and outside networks. Pure;
// `groups` (speaker) asks it and hands its answers to the routers.
//
// The rules, with which a group never ends up on two nodes, and never moves to and fro:
//   - a trouble of one is a trouble of all
//   - one takes over only when all of them would: who still hears the Active on another network
//   knows that it lives. A resign of one counts for all: the other node's group left as a whole
//   - when one has taken over, the others take over at once
//   - when one has lost the role, the others yield at once
//   - should the roles differ nevertheless (a router joined the group later), the Active ones yield
//   after a while; then all of them want the same
// The routers of a group have one priority and one preempt on a node (the configuration insists):
// with different ones, two nodes could each want half of a group for ever.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "vrrpd/election/actions.h"
#include "vrrpd/election/events.h"
#include "vrrpd/election/fsm.h"

namespace hapair::vrrp {

class Group {
 public:
  /// One router as the others of its group see it.
  struct Member {
    std::string name;
    Role role = Role::initialize;
    std::string reason;
    std::string trouble = {};  // its own; empty: none
    bool wants = false;        // to take over
    std::optional<TimePoint> heard_at = {};
    std::optional<TimePoint> resigned_at = {};
    TimePoint since;
    Duration down_interval{0};
  };
  static Member see(const std::string& name, const Fsm& fsm, TimePoint now);

  /// An event for the member of that index.
  using Order = std::pair<size_t, Event>;
  using Orders = std::vector<Order>;

  explicit Group(std::string name) : name_(std::move(name)) {}

  /// What the others' troubles make of each member. To be told after every change of a member.
  [[nodiscard]] Orders troubles(std::span<const Member> members) const;
  /// `member` went from one role to another.
  [[nodiscard]] Orders moved(std::span<const Member> members, size_t member, Role from) const;
  /// Before `member` acts on its deadline: why it may not take over; empty: it may.
  [[nodiscard]] std::string holds(std::span<const Member> members, size_t member) const;
  /// From time to time.
  [[nodiscard]] Orders reunite(std::span<const Member> members, TimePoint now) const;

 private:
  std::string name_;
};

}  // namespace hapair::vrrp
