// What operators and tracked things do to a router: demotion, faults, handover, preempt_delay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{100s};
const IpAddress kPeer = IpAddress::parse("10.0.0.1").value();
constexpr Duration kDown = active_down_interval(100, 10ms);

Parameters params(uint8_t priority = 100) {
  return {
      .priority = priority, .interval = 10ms, .own_address = IpAddress::parse("10.0.0.2").value()};
}
Parameters preempting(Duration delay = Duration::zero()) {
  Parameters out = params();
  out.preempt = true;
  out.preempt_delay = delay;
  return out;
}
Fsm backup(const Parameters& parameters = params()) {
  Fsm fsm(parameters);
  (void)fsm.step(Startup{}, kStart);
  (void)fsm.step(LinkUp{}, kStart);
  return fsm;
}
Fsm active(const Parameters& parameters = params()) {
  Fsm fsm = backup(parameters);
  (void)fsm.step(DeadlinePassed{}, kStart + kDown);
  EXPECT_EQ(fsm.role(), Role::active);
  return fsm;
}
Heard heard(uint8_t priority) {
  return {.sender = kPeer, .priority = priority, .interval = 10ms};
}
Event demoted(std::string reason) {
  return FaultChanged{.fault = Fault::demoted, .reason = std::move(reason)};
}
Event tracked(std::string reason) {
  return FaultChanged{.fault = Fault::tracked, .reason = std::move(reason)};
}
Action notify(Role from, Role to, std::string reason) {
  return Notify{.from = from, .to = to, .reason = std::move(reason)};
}
constexpr TimePoint kLater = kStart + kDown + 1ms;

// --- Faults --------------------------------------------------------------------------------------

TEST(Faulted, an_active_releases_then_resigns) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(tracked("track nginx: exited with 1"), kLater),
              ElementsAre(RemoveAddresses{}, SendAdvertisement{0}, DisarmDeadline{},
                          notify(Role::active, Role::initialize, "track nginx: exited with 1")));
}

TEST(Faulted, said_twice_it_happens_once) {
  Fsm fsm = active();
  (void)fsm.step(tracked("track nginx: exited with 1"), kLater);
  EXPECT_THAT(fsm.step(tracked("track nginx: exited with 1"), kLater), IsEmpty());
}

TEST(Faulted, mended_it_listens_first) {
  Fsm fsm = active();
  (void)fsm.step(tracked("track nginx: exited with 1"), kLater);
  EXPECT_THAT(fsm.step(tracked(""), kLater + 1s),
              ElementsAre(ArmDeadline{kLater + 1s + kDown},
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(Faulted, before_startup_it_is_remembered) {
  Fsm fsm(params());
  EXPECT_THAT(fsm.step(demoted("demoted by root"), kStart), IsEmpty());
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_THAT(fsm.step(Startup{}, kStart),
              ElementsAre(notify(Role::initialize, Role::initialize, "demoted by root")));
}

TEST(Faulted, the_operators_word_is_told_before_any_fault) {
  Fsm fsm = active();
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, kLater);
  (void)fsm.step(tracked("track nginx: exited with 1"), kLater);
  EXPECT_EQ(fsm.reason(), "eth0 has no carrier");
  (void)fsm.step(demoted("demoted by root"), kLater);
  EXPECT_EQ(fsm.reason(), "demoted by root");
  (void)fsm.step(demoted(""), kLater);
  EXPECT_EQ(fsm.reason(), "eth0 has no carrier");
  (void)fsm.step(LinkUp{}, kLater);
  EXPECT_EQ(fsm.reason(), "track nginx: exited with 1");
  (void)fsm.step(tracked(""), kLater);
  EXPECT_EQ(fsm.role(), Role::backup);
}

// --- Handover ------------------------------------------------------------------------------------

TEST(Handover, the_active_releases_resigns_and_listens) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(HandOver{"handed over by root"}, kLater),
              ElementsAre(RemoveAddresses{}, SendAdvertisement{0}, ArmDeadline{kLater + kDown},
                          notify(Role::active, Role::backup, "handed over by root")));
}

TEST(Handover, a_backup_has_nothing_to_hand_over) {
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(HandOver{"handed over by root"}, kStart), IsEmpty());
}

TEST(Handover, does_not_preempt_right_back) {
  Fsm fsm = active(preempting());
  (void)fsm.step(HandOver{"handed over by root"}, kLater);
  EXPECT_THAT(fsm.step(heard(50), kLater + 5ms), ElementsAre(ArmDeadline{kLater + 5ms + kDown}));
  EXPECT_EQ(fsm.reason(), "handed over by root");
  // Not even after trouble of its own.
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, kLater + 6ms);
  (void)fsm.step(LinkUp{}, kLater + 7ms);
  EXPECT_THAT(fsm.step(heard(50), kLater + 8ms), ElementsAre(ArmDeadline{kLater + 8ms + kDown}));
}

TEST(Handover, should_the_other_one_not_take_it_it_comes_back) {
  Fsm fsm = active(preempting());
  (void)fsm.step(HandOver{"handed over by root"}, kLater);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kLater + kDown), Contains(AddAddresses{}));
}

TEST(Handover, once_the_new_active_is_lost_it_preempts_again) {
  Fsm fsm = active(preempting());
  (void)fsm.step(HandOver{"handed over by root"}, kLater);
  (void)fsm.step(heard(50), kLater + 5ms);
  (void)fsm.step(DeadlinePassed{}, kLater + 5ms + kDown);
  ASSERT_EQ(fsm.role(), Role::active);
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, kLater + 60ms);
  (void)fsm.step(LinkUp{}, kLater + 70ms);
  EXPECT_THAT(fsm.step(heard(50), kLater + 71ms), IsEmpty());  // discarded: it will preempt
}

TEST(Handover, the_operator_may_allow_it_again) {
  Fsm fsm = active(preempting());
  (void)fsm.step(HandOver{"handed over by root"}, kLater);
  (void)fsm.step(TakeBack{}, kLater + 5ms);
  EXPECT_THAT(fsm.step(heard(50), kLater + 6ms), IsEmpty());
}

// --- preempt_delay -------------------------------------------------------------------------------

TEST(PreemptDelay, leaves_the_role_for_so_long_and_says_so) {
  Fsm fsm = backup(preempting(5s));
  EXPECT_THAT(fsm.step(heard(50), kStart + 5ms),
              ElementsAre(notify(Role::backup, Role::backup,
                                 "waits for 5.0 s (preempt_delay) before it preempts 10.0.0.1"),
                          ArmDeadline{kStart + 5ms + kDown}));
  EXPECT_THAT(fsm.step(heard(50), kStart + 5s), ElementsAre(ArmDeadline{kStart + 5s + kDown}));
  EXPECT_THAT(fsm.step(heard(50), kStart + 5s + 5ms), IsEmpty());
  EXPECT_THAT(fsm.step(heard(50), kStart + 5s + 25ms), IsEmpty());
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 5s + kDown),
              Contains(notify(Role::backup, Role::active,
                              "preempts peer 10.0.0.1: its priority 50 against our 100")));
}

TEST(PreemptDelay, an_active_that_dies_meanwhile_is_replaced_at_once) {
  Fsm fsm = backup(preempting(5s));
  (void)fsm.step(heard(50), kStart + 5ms);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 5ms + kDown), Contains(AddAddresses{}));
}

TEST(PreemptDelay, a_resign_meanwhile_counts_at_once) {
  Fsm fsm = backup(preempting(5s));
  (void)fsm.step(heard(50), kStart + 5ms);
  EXPECT_THAT(fsm.step(heard(0), kStart + 6ms),
              ElementsAre(ArmDeadline{kStart + 6ms + skew_time(100, 10ms)}));
}

TEST(PreemptDelay, begins_when_the_tables_are_in_sync) {
  Parameters parameters = preempting(5s);
  parameters.sync_wait = 30s;
  Fsm fsm(parameters);
  (void)fsm.step(SyncChanged{false}, kStart);
  (void)fsm.step(Startup{}, kStart);
  (void)fsm.step(LinkUp{}, kStart);
  (void)fsm.step(heard(50), kStart + 5ms);
  EXPECT_EQ(fsm.reason(), "waits for the tables, at most 30.0 s, before it preempts 10.0.0.1");
  (void)fsm.step(SyncChanged{true}, kStart + 10s);
  (void)fsm.step(heard(50), kStart + 10s);
  EXPECT_EQ(fsm.reason(), "waits for 5.0 s (preempt_delay) before it preempts 10.0.0.1");
  EXPECT_THAT(fsm.step(heard(50), kStart + 15s - 1ms), testing::SizeIs(1));  // still accepts
  EXPECT_THAT(fsm.step(heard(50), kStart + 15s), IsEmpty());
}

TEST(PreemptDelay, a_better_active_ends_the_wait) {
  Fsm fsm = backup(preempting(5s));
  (void)fsm.step(heard(50), kStart);
  (void)fsm.step(heard(200), kStart + 1s);
  EXPECT_EQ(fsm.reason(), "follows 10.0.0.1, priority 200");
  (void)fsm.step(heard(50), kStart + 4s);  // begins anew
  EXPECT_THAT(fsm.step(heard(50), kStart + 6s), ElementsAre(ArmDeadline{kStart + 6s + kDown}));
}

TEST(PreemptDelay, an_owner_does_not_wait) {
  Parameters owner = preempting(5s);
  owner.priority = 255;
  Fsm fsm = backup();
  (void)fsm.step(Reconfigured{owner}, kStart);
  EXPECT_THAT(fsm.step(heard(254), kStart + 5ms), IsEmpty());
}

}  // namespace
}  // namespace hapair::vrrp
