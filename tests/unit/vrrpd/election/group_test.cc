// Group: what the others of a group have to do. The orders of every possible change are looked at
// from every member's place.
#include "vrrpd/election/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

constexpr TimePoint kNow{1000s};

Group::Member member(std::string name, Role role) {
  return {.name = std::move(name),
          .role = role,
          .reason = "a reason",
          .since = kNow - 10s,
          .down_interval = 36ms};
}

/// "1: GroupYields(group web: ...)"; faults that are over are left out.
std::vector<std::string> text(const Group::Orders& orders) {
  std::vector<std::string> out;
  for (const auto& [index, event] : orders) {
    const std::string to = std::to_string(index);
    if (const auto* fault = std::get_if<FaultChanged>(&event)) {
      if (!fault->reason.empty()) out.push_back(to + ": fault: " + fault->reason);
    } else if (const auto* follows = std::get_if<GroupTakesOver>(&event)) {
      out.push_back(to + ": takes over: " + follows->reason);
    } else if (const auto* yields = std::get_if<GroupYields>(&event)) {
      out.push_back(to + ": yields: " + yields->reason);
    } else {
      out.push_back(to + ": something else");
    }
  }
  return out;
}

const Group kGroup("web");

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Group, a_trouble_of_one_is_a_trouble_of_all_and_names_where_it_is) {
  for (const Role role : {Role::initialize, Role::backup, Role::active}) {
    std::vector all{member("inside", Role::initialize), member("outside", role),
                    member("six", role)};
    all[0].trouble = "eth1 has no carrier";
    EXPECT_THAT(text(kGroup.troubles(all)),
                ElementsAre("1: fault: group web: inside: eth1 has no carrier",
                            "2: fault: group web: inside: eth1 has no carrier"));
  }
}

TEST(Group, troubles_of_two_are_told_to_each_other_and_end_for_both) {
  std::vector all{member("inside", Role::initialize), member("outside", Role::initialize)};
  all[0].trouble = "eth1 has no carrier";
  all[1].trouble = "eth0 is down";
  EXPECT_THAT(text(kGroup.troubles(all)),
              ElementsAre("0: fault: group web: outside: eth0 is down",
                          "1: fault: group web: inside: eth1 has no carrier"));
  all[0].trouble.clear();
  EXPECT_THAT(text(kGroup.troubles(all)),
              ElementsAre("0: fault: group web: outside: eth0 is down"));
  all[1].trouble.clear();
  const auto over = kGroup.troubles(all);
  EXPECT_EQ(over.size(), 2U) << "each is told that it is over";
  EXPECT_THAT(text(over), IsEmpty());
}

TEST(Group, when_one_has_taken_over_the_backups_follow) {
  for (size_t mover = 0; mover < 3; ++mover) {
    std::vector all{member("a", Role::backup), member("b", Role::backup),
                    member("c", Role::backup)};
    all[mover].role = Role::active;
    const auto orders = kGroup.moved(all, mover, Role::backup);
    ASSERT_EQ(orders.size(), 2U);
    for (const auto& [index, event] : orders) {
      EXPECT_NE(index, mover);
      ASSERT_TRUE(std::holds_alternative<GroupTakesOver>(event));
      EXPECT_EQ(std::get<GroupTakesOver>(event).reason, "group web: follows " + all[mover].name);
    }
  }
}

TEST(Group, when_one_has_lost_the_role_the_active_ones_yield) {
  for (const Role to : {Role::backup, Role::initialize}) {
    std::vector all{member("a", to), member("b", Role::active), member("c", Role::backup)};
    EXPECT_THAT(text(kGroup.moved(all, 0, Role::active)),
                ElementsAre("1: yields: group web: a: a reason"));
  }
}

TEST(Group, other_moves_move_nobody) {
  const std::vector all{member("a", Role::backup), member("b", Role::active)};
  EXPECT_THAT(kGroup.moved(all, 0, Role::initialize), IsEmpty());
  EXPECT_THAT(kGroup.moved(all, 0, Role::backup), IsEmpty());
  const std::vector active{member("a", Role::active), member("b", Role::active)};
  EXPECT_THAT(kGroup.moved(active, 0, Role::backup), IsEmpty());
}

TEST(Group, one_alone_takes_over_when_it_wants) {
  EXPECT_EQ(kGroup.holds(std::vector{member("a", Role::backup)}, 0), "");
}

TEST(Group, nobody_takes_over_while_another_one_hears_an_active) {
  std::vector all{member("a", Role::backup), member("b", Role::backup)};
  all[1].heard_at = kNow;
  EXPECT_EQ(kGroup.holds(all, 0), "group web: waits for b, which hears an Active");
  all[1].wants = true;
  EXPECT_EQ(kGroup.holds(all, 0), "");
}

TEST(Group, nobody_takes_over_while_another_one_takes_no_part) {
  const std::vector all{member("a", Role::backup), member("b", Role::initialize)};
  EXPECT_EQ(kGroup.holds(all, 0), "group web: waits for b (a reason)");
}

TEST(Group, an_active_one_holds_nobody_back) {
  EXPECT_EQ(kGroup.holds(std::vector{member("a", Role::backup), member("b", Role::active)}, 0), "");
}

TEST(Group, a_resign_of_one_counts_for_all_who_have_heard_nothing_since) {
  std::vector all{member("a", Role::backup), member("b", Role::backup), member("c", Role::backup)};
  all[0].resigned_at = kNow;
  all[0].heard_at = kNow;
  all[1].heard_at = kNow - 5ms;
  EXPECT_EQ(kGroup.holds(all, 0), "");
  all[1].heard_at = kNow + 1ms;
  EXPECT_EQ(kGroup.holds(all, 0), "group web: waits for b, which hears an Active");
}

TEST(Group, routers_that_stay_apart_are_reunited) {
  std::vector all{member("a", Role::backup), member("b", Role::active)};
  EXPECT_THAT(text(kGroup.reunite(all, kNow)),
              ElementsAre("1: yields: group web: its routers are apart"));
  all[0].since = kNow - 10ms;  // only just
  EXPECT_THAT(kGroup.reunite(all, kNow), IsEmpty());
  for (const Role role : {Role::initialize, Role::backup, Role::active}) {
    EXPECT_THAT(kGroup.reunite(std::vector{member("a", role), member("b", role)}, kNow), IsEmpty());
  }
}

// --- With the state machine ----------------------------------------------------------------------

class GroupedFsm : public testing::Test {
 protected:
  GroupedFsm() {
    for (const Event& event : std::initializer_list<Event>{LinkUp{}, ServingRegained{}, Startup{}})
      (void)fsm_.step(event, now_);
  }
  [[nodiscard]] bool did(const Actions& actions, const Action& what) const {
    return std::find(actions.begin(), actions.end(), what) != actions.end();
  }
  TimePoint now_ = kNow;
  Fsm fsm_{Parameters{.priority = 100, .interval = 10ms, .own_address = {}}};
};

TEST_F(GroupedFsm, waits_for_its_group_and_says_so_then_takes_over) {
  (void)fsm_.step(GroupHolds{"group web: waits for b"}, now_);
  now_ = *fsm_.deadline();
  (void)fsm_.step(DeadlinePassed{}, now_);
  EXPECT_EQ(fsm_.role(), Role::backup);
  EXPECT_EQ(fsm_.reason(), "group web: waits for b");
  EXPECT_TRUE(fsm_.wants_role(now_));
  (void)fsm_.step(GroupHolds{}, now_);
  now_ = *fsm_.deadline();
  (void)fsm_.step(DeadlinePassed{}, now_);
  EXPECT_EQ(fsm_.role(), Role::active);
}

TEST_F(GroupedFsm, that_hears_an_active_again_wants_nothing_any_more) {
  (void)fsm_.step(GroupHolds{"group web: waits for b"}, now_);
  now_ = *fsm_.deadline();
  (void)fsm_.step(DeadlinePassed{}, now_);
  const IpAddress peer = IpAddress::v4(0x0a000002);
  (void)fsm_.step(Heard{.sender = peer, .priority = 150, .interval = 10ms}, now_);
  EXPECT_FALSE(fsm_.wants_role(now_));
  EXPECT_EQ(fsm_.reason(), "follows 10.0.0.2, priority 150");
}

TEST_F(GroupedFsm, follows_and_yields) {
  EXPECT_TRUE(did(fsm_.step(GroupTakesOver{"group web: follows b"}, now_), AddAddresses{}));
  EXPECT_EQ(fsm_.role(), Role::active);
  const Actions yields = fsm_.step(GroupYields{"group web: b: lost"}, now_);
  EXPECT_TRUE(did(yields, RemoveAddresses{}));
  EXPECT_TRUE(did(yields, SendAdvertisement{.priority = 0, .to_winner = false}))
      << "nobody has won on this network: the other node may take over at once";
  EXPECT_EQ(fsm_.role(), Role::backup);
}

TEST_F(GroupedFsm, a_fault_of_the_group_keeps_it_out_and_is_not_its_own) {
  (void)fsm_.step(FaultChanged{.fault = Fault::group, .reason = "group web: b: no carrier"}, now_);
  EXPECT_EQ(fsm_.role(), Role::initialize);
  EXPECT_EQ(fsm_.reason(), "group web: b: no carrier");
  EXPECT_EQ(fsm_.own_trouble(), "");
  (void)fsm_.step(LinkDown{"eth0 is down"}, now_);
  EXPECT_EQ(fsm_.own_trouble(), "eth0 is down");
  (void)fsm_.step(FaultChanged{.fault = Fault::group, .reason = ""}, now_);
  (void)fsm_.step(LinkUp{}, now_);
  EXPECT_EQ(fsm_.role(), Role::backup);
}

}  // namespace
}  // namespace hapair::vrrp
