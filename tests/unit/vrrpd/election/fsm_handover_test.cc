// A router in a handover without loss: the Active that is away, the Backup that adopts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/election/group.h"

namespace hapair::vrrp {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::VariantWith;

constexpr TimePoint kNow{100s};
const IpAddress kOwn = IpAddress::parse("10.0.0.1").value();
const IpAddress kPeer = IpAddress::parse("10.0.0.2").value();

Parameters params(uint8_t priority) {
  return {.priority = priority, .interval = 100ms, .own_address = kOwn};
}

Heard advertisement(uint8_t priority) {
  return {.sender = kPeer, .priority = priority, .interval = 100ms};
}

PairWord active_peer(const std::string& node, uint8_t priority) {
  PairWord out;
  out.node = node;
  out.role = Role::active;
  out.priority = priority;
  out.interval = 100ms;
  out.hears_us = true;
  return out;
}

const auto adds = Contains(Action(AddAddresses{}));
const auto removes = Contains(Action(RemoveAddresses{}));
const auto announces = Contains(Action(Announce{}));
const auto sends = Contains(VariantWith<SendAdvertisement>(testing::_));

class Away : public testing::Test {
 protected:
  Away() : fsm(params(150)) {
    (void)fsm.step(Startup{}, kNow - 10s);
    (void)fsm.step(LinkUp{}, kNow - 10s);
    TimePoint at = kNow - 10s;
    while (fsm.role() != Role::active) (void)fsm.step(DeadlinePassed{}, at += 10ms);
    while (*fsm.deadline() <= kNow) (void)fsm.step(DeadlinePassed{}, *fsm.deadline());
    release = fsm.step(Release{.until = kNow + 1s}, kNow);
  }
  Actions run_to(TimePoint end) {
    Actions all;
    while (*fsm.deadline() <= end) {
      for (const Action& one : fsm.step(DeadlinePassed{}, *fsm.deadline())) all.push_back(one);
    }
    return all;
  }
  Fsm fsm;
  Actions release;
};

TEST_F(Away, takes_its_vips_away_and_does_not_resign) {
  EXPECT_THAT(release, removes);
  EXPECT_THAT(release, Not(sends));
  EXPECT_EQ(fsm.role(), Role::active);
  EXPECT_TRUE(fsm.away());
  EXPECT_FALSE(fsm.holds_addresses());
}

TEST_F(Away, goes_on_advertising_and_announces_nothing) {
  const Actions all = run_to(kNow + 900ms);
  EXPECT_GE(std::count(all.begin(), all.end(), Action(SendAdvertisement{150})), 8);
  EXPECT_THAT(all, Not(adds));
  EXPECT_THAT(all, Not(announces));
}

TEST_F(Away, at_its_deadline_it_has_its_vips_back_and_announces_them) {
  const Actions all = run_to(kNow + 1s);
  EXPECT_THAT(all, AllOf(adds, announces));
  EXPECT_FALSE(fsm.away());
  EXPECT_THAT(fsm.step(AddressLost{}, kNow + 1s), adds);
}

TEST_F(Away, told_to_take_them_back_it_does_so_at_once) {
  EXPECT_THAT(fsm.step(Reclaim{"the peer failed"}, kNow + 5ms), AllOf(adds, announces));
  EXPECT_EQ(fsm.reason(), "the peer failed");
  EXPECT_THAT(fsm.step(Reclaim{"again"}, kNow + 6ms), IsEmpty());
}

TEST_F(Away, the_first_word_of_another_active_makes_it_backup_whatever_its_priority) {
  const Actions done = fsm.step(advertisement(100), kNow + 50ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_TRUE(fsm.handed_over()) << "no preemption right back";
  EXPECT_THAT(done, Not(adds));
}

TEST_F(Away, so_does_its_word_on_the_pair_path) {
  (void)fsm.step(active_peer("lb2", 100), kNow + 50ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_TRUE(fsm.handed_over());
}

TEST_F(Away, and_lbcores) {
  (void)fsm.step(Given{"handed over"}, kNow + 50ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_TRUE(fsm.handed_over());
}

TEST_F(Away, another_one_that_resigns_gives_it_its_vips_back) {
  EXPECT_THAT(fsm.step(advertisement(0), kNow + 50ms), AllOf(adds, announces, sends));
  EXPECT_FALSE(fsm.away());
}

TEST_F(Away, an_address_that_somebody_removes_is_not_put_back) {
  EXPECT_THAT(fsm.step(AddressLost{}, kNow + 5ms), IsEmpty());
}

TEST_F(Away, in_trouble_it_resigns_and_the_peer_takes_over) {
  const Actions done = fsm.step(ServingLost{"lbcore is gone"}, kNow + 5ms);
  EXPECT_THAT(done, Contains(Action(SendAdvertisement{0})));
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST_F(Away, yields_with_its_group_and_does_not_preempt_back) {
  (void)fsm.step(GroupYields{"group all: follows six"}, kNow + 5ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_TRUE(fsm.handed_over());
}

TEST_F(Away, a_speaker_that_goes_on_is_away_as_well) {
  Fsm next(params(150));
  const Actions done = next.step(Resumed{.active = true,
                                         .reason = "of old",
                                         .since = kNow - 9s,
                                         .last_sent = kNow - 8ms,
                                         .away_until = kNow + 1s},
                                 kNow);
  EXPECT_TRUE(next.away());
  EXPECT_THAT(done, AllOf(removes, sends, Not(adds)));
  (void)next.step(advertisement(100), kNow + 20ms);
  EXPECT_EQ(next.role(), Role::backup);
}

TEST_F(Away, a_speaker_that_goes_on_too_late_has_its_vips_back) {
  Fsm next(params(150));
  const Actions done = next.step(Resumed{.active = true,
                                         .reason = "of old",
                                         .since = kNow - 9s,
                                         .last_sent = kNow - 8ms,
                                         .away_until = kNow - 1ms},
                                 kNow);
  EXPECT_FALSE(next.away());
  EXPECT_THAT(done, adds);
}

class Adopting : public testing::Test {
 protected:
  explicit Adopting(Parameters with = params(100)) : fsm(with) {
    (void)fsm.step(Startup{}, kNow - 1s);
    (void)fsm.step(LinkUp{}, kNow - 1s);
    (void)fsm.step(advertisement(150), kNow);
    adopt = fsm.step(Adopt{.until = kNow + 1s}, kNow);
  }
  void hear_until(TimePoint end) {
    for (TimePoint at = kNow + 100ms; at < end; at += 100ms) {
      (void)fsm.step(advertisement(150), at);
    }
  }
  Fsm fsm;
  Actions adopt;
};

TEST_F(Adopting, holds_the_vips_and_tells_nobody) {
  EXPECT_THAT(adopt, AllOf(adds, Not(announces), Not(sends)));
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_TRUE(fsm.holds_addresses());
}

TEST_F(Adopting, told_to_it_is_active_and_announces) {
  EXPECT_THAT(fsm.step(TakeRole{"handed over"}, kNow + 40ms), AllOf(sends, announces));
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST_F(Adopting, what_the_one_before_said_last_is_no_reason_to_yield) {
  (void)fsm.step(TakeRole{"handed over"}, kNow + 40ms);
  (void)fsm.step(advertisement(150), kNow + 41ms);
  EXPECT_EQ(fsm.role(), Role::active);
  (void)fsm.step(active_peer("lb1", 150), kNow + 42ms);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST_F(Adopting, but_after_an_interval_it_is) {
  (void)fsm.step(TakeRole{"handed over"}, kNow + 40ms);
  (void)fsm.step(DeadlinePassed{}, kNow + 140ms);
  (void)fsm.step(advertisement(150), kNow + 141ms);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST_F(Adopting, told_to_stop_it_takes_them_away_and_tells_nobody) {
  const Actions done = fsm.step(Unadopt{"the peer failed"}, kNow + 40ms);
  EXPECT_THAT(done, AllOf(removes, Not(sends)));
  EXPECT_FALSE(fsm.holds_addresses());
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST_F(Adopting, at_its_deadline_too) {
  hear_until(kNow + 1s);
  EXPECT_EQ(fsm.deadline(), kNow + 1s);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kNow + 1s), AllOf(removes, Not(sends)));
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_GT(*fsm.deadline(), kNow + 1s) << "and the Active_Down_Timer runs on";
}

TEST_F(Adopting, told_too_late_it_does_not_take_over) {
  hear_until(kNow + 1s);
  EXPECT_THAT(fsm.step(TakeRole{"handed over"}, kNow + 1s), AllOf(removes, Not(sends)));
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST_F(Adopting, when_the_active_falls_silent_it_takes_over_as_ever) {
  EXPECT_THAT(fsm.step(DeadlinePassed{}, *fsm.deadline()), AllOf(sends, announces));
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST_F(Adopting, when_the_peer_falls_silent_on_the_pair_path_it_lets_go) {
  EXPECT_THAT(fsm.step(PairSilent{}, kNow + 40ms), AllOf(removes, Not(sends)));
}

TEST_F(Adopting, in_trouble_it_lets_go_and_says_nothing) {
  EXPECT_THAT(fsm.step(LinkDown{"eth0 has no carrier"}, kNow + 40ms), AllOf(removes, Not(sends)));
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST_F(Adopting, only_a_backup_adopts_and_only_who_adopted_is_told_to_take_over) {
  (void)fsm.step(TakeRole{"handed over"}, kNow + 40ms);
  EXPECT_THAT(fsm.step(Adopt{.until = kNow + 1s}, kNow + 50ms), IsEmpty());
  EXPECT_THAT(fsm.step(Unadopt{"late"}, kNow + 50ms), IsEmpty());
  Fsm plain(params(100));
  (void)plain.step(Startup{}, kNow - 1s);
  (void)plain.step(LinkUp{}, kNow - 1s);
  EXPECT_THAT(plain.step(TakeRole{"stray"}, kNow), IsEmpty());
  EXPECT_EQ(plain.role(), Role::backup);
}

}  // namespace
}  // namespace hapair::vrrp
