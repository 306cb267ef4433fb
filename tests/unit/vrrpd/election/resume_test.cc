// A router that goes on where an earlier speaker of its node stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kNow{100s};
const IpAddress kOwn = IpAddress::parse("10.0.0.2").value();
const IpAddress kPeer = IpAddress::parse("10.0.0.1").value();
const Duration kDown = active_down_interval(100, 10ms);

Parameters params() {
  return {.priority = 100, .interval = 10ms, .boot_hold = 10s, .own_address = kOwn};
}
Resumed was_active(Duration silent_for) {
  return {
      .active = true, .reason = "of old", .since = TimePoint(7s), .last_sent = kNow - silent_for};
}
Resumed was_backup() {
  return {.active = false, .reason = "of old", .since = TimePoint(7s), .active_interval = 20ms};
}

TEST(ResumedActive, advertises_at_once_and_nobody_is_told_of_a_change) {
  Fsm fsm(params());
  EXPECT_THAT(fsm.step(was_active(8ms), kNow),
              ElementsAre(SendAdvertisement{100}, AddAddresses{}, ArmDeadline{.at = kNow + 10ms}));
  EXPECT_EQ(fsm.role(), Role::active);
  EXPECT_EQ(fsm.reason(), "of old");
  EXPECT_EQ(fsm.since(), TimePoint(7s));
  // The dead one may have been announcing.
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kNow + 10ms),
              ElementsAre(SendAdvertisement{100}, ArmDeadline{.at = kNow + 20ms}, Announce{}));
}

TEST(ResumedActive, at_a_slow_interval_the_peer_hears_it_early) {
  Parameters slow = params();
  slow.interval = 1s;
  Fsm fsm(slow);
  EXPECT_THAT(fsm.step(was_active(200ms), kNow),
              ElementsAre(SendAdvertisement{100}, AddAddresses{}, ArmDeadline{.at = kNow + 1s}));
}

TEST(ResumedActive, silent_for_longer_than_the_down_interval_it_listens_first) {
  Fsm fsm(params());
  EXPECT_THAT(fsm.step(was_active(kDown + 1ms), kNow),
              ElementsAre(ArmDeadline{.at = kNow + 10ms},
                          Notify{.from = Role::active,
                                 .to = Role::active,
                                 .reason = "slept for 37 ms: listens before it speaks"}));
  (void)fsm.step(Heard{.sender = kPeer, .priority = 50, .interval = 10ms}, kNow + 3ms);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(ResumedActive, silent_for_exactly_the_down_interval_it_speaks) {
  Fsm fsm(params());
  EXPECT_EQ(fsm.step(was_active(kDown), kNow).front(), Action(SendAdvertisement{100}));
}

TEST(ResumedBackup, waits_a_whole_down_interval_at_the_actives_pace) {
  Fsm fsm(params());
  const TimePoint deadline = kNow + active_down_interval(100, 20ms);
  EXPECT_THAT(fsm.step(was_backup(), kNow), ElementsAre(ArmDeadline{.at = deadline}));
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.since(), TimePoint(7s));
  (void)fsm.step(DeadlinePassed{}, deadline);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(ResumedBackup, knows_whom_the_dead_one_heard) {
  Fsm fsm(params());
  Resumed left = was_backup();
  left.last_heard = LastHeard{.sender = kPeer, .priority = 150, .at = kNow - 20ms};
  (void)fsm.step(left, kNow);
  (void)fsm.step(DeadlinePassed{}, kNow + active_down_interval(100, 20ms));
  EXPECT_THAT(fsm.reason(), testing::StartsWith("peer 10.0.0.1 silent for "));
}

TEST(Resumed, boot_hold_is_not_for_it) {
  Fsm fsm(params());
  (void)fsm.step(was_backup(), kNow);
  EXPECT_THAT(fsm.step(LinkUp{}, kNow + 1ms), IsEmpty());
  EXPECT_EQ(fsm.role(), Role::backup);
  // After a link that was really lost, it is.
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, kNow + 2ms);
  (void)fsm.step(LinkUp{}, kNow + 3ms);
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST(Resumed, what_is_wrong_now_counts) {
  Fsm fsm(params());
  (void)fsm.step(was_active(5ms), kNow);
  (void)fsm.step(ServingLost{"lbcore is not serving: it is not running"}, kNow + 1ms);
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST(Resumed, a_router_that_runs_already_is_not_touched) {
  Fsm fsm(params());
  (void)fsm.step(Startup{}, kNow);
  EXPECT_THAT(fsm.step(was_active(5ms), kNow), IsEmpty());
  EXPECT_EQ(fsm.role(), Role::initialize);
}

}  // namespace
}  // namespace hapair::vrrp
