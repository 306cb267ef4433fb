// The order of steps of either side, step by step; what both do together is tests/sim's.
#include "lbcore/handover/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::lbcore::handover {
namespace {

using testing::IsEmpty;
using Word = role::Handover;

constexpr TimePoint kNow{100s};
constexpr uint64_t kNumber = 7;

template <typename Kind>
size_t count(const Actions& actions) {
  return static_cast<size_t>(std::count_if(actions.begin(), actions.end(), [](const auto& one) {
    return std::holds_alternative<Kind>(one);
  }));
}

template <typename Kind>
const Kind* find(const Actions& actions) {
  for (const auto& one : actions) {
    if (const auto* found = std::get_if<Kind>(&one)) return found;
  }
  return nullptr;
}

wire::Handover::WhatCase sent(const Actions& actions) {
  const auto* frame = find<SendFrame>(actions);
  return frame == nullptr ? wire::Handover::WHAT_NOT_SET : frame->frame.what_case();
}

Node says(Word::Step step, bool holds = false) {
  Node out;
  out.connected = out.hands_over = true;
  out.handover.set_step(step);
  if (step != Word::NONE) out.handover.set_number(kNumber);
  out.handover.add_routers("main");
  out.handover.add_addresses("10.0.0.100");
  if (holds) out.holding.insert("main");
  return out;
}

wire::Handover frame() {
  wire::Handover out;
  out.set_number(kNumber);
  return out;
}

class OrderTest : public testing::Test {
 protected:
  OrderTest() { (void)order.peer_up(now); }
  Actions vrrpd(Word::Step step, bool holds = false) {
    return order.vrrpd_says(says(step, holds), now);
  }
  Actions peer(const std::function<void(wire::Handover&)>& fill) {
    wire::Handover in = frame();
    fill(in);
    return order.frame(in, now);
  }
  Actions accept() {
    return peer([](auto& in) { in.mutable_accept(); });
  }
  Actions restored_there(uint64_t connections = 3) {
    return peer([&](auto& in) { in.mutable_restored()->set_connections(connections); });
  }
  Actions failed_there() {
    return peer([](auto& in) { in.set_failed("no memory"); });
  }
  Actions taken_there() {
    return peer([](auto& in) { in.mutable_taken(); });
  }
  Actions late(Duration by) { return order.expired(now += by); }
  Word::Step word() { return order.word().step(); }

  Order order;
  TimePoint now = kNow;
};

class GivingOrder : public OrderTest {
 public:
  void prepare() { EXPECT_EQ(sent(vrrpd(Word::PREPARE, true)), wire::Handover::kOffer); }
  void release() {
    prepare();
    EXPECT_EQ(count<Quiesce>(accept()), 1U);
    EXPECT_EQ(count<Tell>(order.quiesced(now)), 1U);
    EXPECT_EQ(word(), Word::RELEASE);
  }
  void freeze() {
    release();
    const Actions done = vrrpd(Word::RELEASED);
    ASSERT_NE(find<Freeze>(done), nullptr);
    EXPECT_EQ(find<Freeze>(done)->addresses, std::vector<std::string>{"10.0.0.100"});
  }
  void send() {
    freeze();
    EXPECT_EQ(
        count<SendImages>(order.frozen({.moving = 3, .drained = 1, .left = {{"closing", 2}}}, now)),
        1U);
  }
  void go() {
    send();
    EXPECT_EQ(sent(restored_there()), wire::Handover::kGo);
  }
};

TEST_F(GivingOrder, from_prepare_to_taken) {
  go();
  now += 20ms;
  const Actions done = taken_there();
  EXPECT_EQ(count<DiscardFrozen>(done), 1U);
  EXPECT_EQ(count<Resume>(done), 1U);
  EXPECT_EQ(word(), Word::TAKEN);
  const Ended& ended = *find<Ended>(done);
  EXPECT_TRUE(ended.gave);
  EXPECT_FALSE(ended.failed);
  EXPECT_EQ(ended.moved.moved(), 3U);
  EXPECT_EQ(ended.moved.drained(), 1U);
  EXPECT_EQ(ended.moved.cut().at("closing"), 2U);
  EXPECT_EQ(ended.moved.dark_us(), 20'000U);
  (void)vrrpd(Word::GIVEN);
  EXPECT_EQ(word(), Word::NONE) << "understood";
}

TEST_F(GivingOrder, without_a_peer_that_knows_how_vrrpd_hands_over_as_ever) {
  (void)order.peer_down(now);
  (void)vrrpd(Word::PREPARE, true);
  EXPECT_EQ(word(), Word::PLAIN);
  EXPECT_TRUE(order.idle());
}

TEST_F(GivingOrder, so_it_does_when_the_peer_refuses) {
  prepare();
  (void)peer([](auto& in) { in.set_refuse("its vrrpd is not running"); });
  EXPECT_EQ(word(), Word::PLAIN);
  EXPECT_EQ(order.word().reason(), "the peer refuses: its vrrpd is not running");
}

TEST_F(GivingOrder, a_peer_that_does_not_answer_changes_nothing) {
  prepare();
  (void)late(Order::kOfferMost);
  EXPECT_EQ(word(), Word::TAKE_BACK);
  const Actions done = vrrpd(Word::HELD, true);
  EXPECT_TRUE(find<Ended>(done)->failed);
  EXPECT_EQ(count<Thaw>(done), 0U);
}

TEST_F(GivingOrder, the_vips_are_back_before_the_connections_are) {
  send();
  const Actions failed = failed_there();
  EXPECT_EQ(sent(failed), wire::Handover::kAbandon);
  EXPECT_EQ(count<Thaw>(failed), 0U);
  EXPECT_EQ(word(), Word::TAKE_BACK);
  const Actions done = vrrpd(Word::HELD, true);
  EXPECT_EQ(count<Thaw>(done), 1U);
  EXPECT_EQ(count<Resume>(done), 1U);
  EXPECT_TRUE(find<Ended>(done)->failed);
  EXPECT_EQ(find<Ended>(done)->reason, "the peer: no memory");
}

TEST_F(GivingOrder, a_freeze_under_way_is_waited_for_before_it_is_undone) {
  freeze();
  (void)order.peer_down(now);
  EXPECT_THAT(vrrpd(Word::HELD, true), IsEmpty());
  EXPECT_EQ(count<Thaw>(order.frozen({}, now)), 1U);
}

TEST_F(GivingOrder, a_link_that_goes_down_before_go_takes_everything_back) {
  for (const auto& until : {&GivingOrder::release, &GivingOrder::freeze, &GivingOrder::send}) {
    order = Order();
    (void)order.peer_up(now);
    (this->*until)();
    (void)order.peer_down(now);
    EXPECT_EQ(word(), Word::TAKE_BACK);
  }
}

TEST_F(GivingOrder, so_does_the_deadline) {
  send();
  (void)late(Order::kGiveMost);
  EXPECT_EQ(word(), Word::TAKE_BACK);
}

TEST_F(GivingOrder, after_go_a_link_that_goes_down_decides_nothing) {
  go();
  EXPECT_THAT(order.peer_down(now), IsEmpty());
  EXPECT_EQ(word(), Word::RELEASE);
}

TEST_F(GivingOrder, after_go_a_peer_that_is_not_seen_to_take_over_gets_nothing) {
  go();
  (void)late(Order::kGiveMost + Order::kGoMost);
  EXPECT_EQ(word(), Word::TAKE_BACK);
  EXPECT_EQ(count<Thaw>(vrrpd(Word::HELD, true)), 1U);
}

TEST_F(GivingOrder, after_go_what_is_frozen_is_kept_until_the_peer_says_that_it_lives_there) {
  go();
  EXPECT_EQ(count<DiscardFrozen>(vrrpd(Word::GIVEN)), 0U);
  EXPECT_EQ(count<DiscardFrozen>(late(Order::kGiveMost + Order::kGoMost)), 0U);
  EXPECT_EQ(count<DiscardFrozen>(taken_there()), 1U);
}

TEST_F(GivingOrder, should_the_role_come_back_before_that_they_live_here) {
  go();
  (void)vrrpd(Word::GIVEN);
  (void)order.peer_down(now);
  EXPECT_EQ(count<Thaw>(vrrpd(Word::GIVEN, true)), 1U);
}

TEST_F(GivingOrder, but_not_for_ever) {
  go();
  (void)vrrpd(Word::GIVEN);
  (void)late(Order::kGiveMost + Order::kGoMost);
  EXPECT_EQ(count<DiscardFrozen>(late(Order::kKeepMost)), 1U);
  EXPECT_TRUE(order.idle());
}

TEST_F(GivingOrder, vrrpds_end_takes_everything_back_and_the_next_speaker_is_told) {
  send();
  (void)order.vrrpd_says({}, now);
  EXPECT_EQ(word(), Word::TAKE_BACK);
  EXPECT_THAT(vrrpd(Word::NONE), IsEmpty()) << "it is away still";
  EXPECT_EQ(count<Thaw>(vrrpd(Word::HELD, true)), 1U);
}

class TakingOrder : public OrderTest {
 protected:
  TakingOrder() { (void)vrrpd(Word::NONE); }
  Actions offer() {
    return peer([](auto& in) {
      in.mutable_offer()->add_routers("main");
      in.mutable_offer()->add_addresses("10.0.0.100");
    });
  }
  void collect() {
    (void)offer();
    EXPECT_EQ(word(), Word::ASK);
    EXPECT_EQ(sent(vrrpd(Word::READY)), wire::Handover::kAccept);
    EXPECT_TRUE(order.collects(kNumber));
  }
  Actions all_sent() {
    return peer([](auto& in) { in.set_all_sent(3); });
  }
  void ready() {
    collect();
    EXPECT_EQ(count<Restore>(all_sent()), 1U);
    EXPECT_EQ(word(), Word::ADOPT);
    EXPECT_THAT(order.restored(3, {}, now), IsEmpty()) << "the VIPs are not here";
    EXPECT_EQ(sent(vrrpd(Word::ADOPTED)), wire::Handover::kRestored);
  }
  Actions go() {
    return peer([](auto& in) { in.mutable_go()->set_moved(3); });
  }
};

TEST_F(TakingOrder, from_the_offer_to_taken) {
  ready();
  (void)go();
  EXPECT_EQ(word(), Word::TAKE);
  const Actions done = vrrpd(Word::ACTIVE, true);
  EXPECT_EQ(count<Revive>(done), 1U);
  EXPECT_EQ(sent(done), wire::Handover::kTaken);
  EXPECT_EQ(find<Ended>(done)->moved.moved(), 3U);
  EXPECT_EQ(word(), Word::NONE);
}

TEST_F(TakingOrder, the_vips_come_with_the_first_connections) {
  collect();
  (void)peer([](auto& in) { in.mutable_images(); });
  EXPECT_EQ(word(), Word::ADOPT);
}

TEST_F(TakingOrder, refuses_what_its_vrrpd_cannot) {
  (void)offer();
  Node unable = says(Word::UNABLE);
  unable.handover.set_reason("main is Active");
  const Actions done = order.vrrpd_says(unable, now);
  EXPECT_EQ(find<SendFrame>(done)->frame.refuse(), "main is Active");
  EXPECT_TRUE(order.idle());
}

TEST_F(TakingOrder, refuses_without_a_vrrpd_that_knows_how) {
  (void)order.vrrpd_says({}, now);
  EXPECT_EQ(sent(offer()), wire::Handover::kRefuse);
}

TEST_F(TakingOrder, drops_everything_when_the_peer_abandons_it) {
  ready();
  const Actions done = peer([](auto& in) { in.set_abandon("took too long"); });
  EXPECT_EQ(count<DiscardRestored>(done), 1U);
  EXPECT_EQ(word(), Word::STOP);
  EXPECT_EQ(sent(done), wire::Handover::kFailed);
}

TEST_F(TakingOrder, drops_everything_when_the_link_goes_down) {
  ready();
  EXPECT_EQ(count<DiscardRestored>(order.peer_down(now)), 1U);
  EXPECT_EQ(word(), Word::STOP);
}

TEST_F(TakingOrder, what_is_being_restored_is_dropped_when_it_is_done) {
  collect();
  (void)all_sent();
  EXPECT_EQ(count<DiscardRestored>(order.peer_down(now)), 0U);
  EXPECT_EQ(count<DiscardRestored>(order.restored(3, {}, now)), 1U);
}

TEST_F(TakingOrder, a_go_that_comes_too_late_is_none) {
  ready();
  now += Order::kTakeMost;
  (void)go();
  EXPECT_EQ(word(), Word::ADOPT);
  const Actions done = order.expired(now);
  EXPECT_EQ(count<DiscardRestored>(done), 1U);
  EXPECT_EQ(sent(done), wire::Handover::kFailed);
}

TEST_F(TakingOrder, gives_up_before_the_giving_side_does) {
  EXPECT_LT(Order::kTakeMost, Order::kGiveMost);
}

TEST_F(TakingOrder, after_go_the_link_is_not_needed) {
  ready();
  (void)go();
  EXPECT_THAT(order.peer_down(now), IsEmpty());
  EXPECT_EQ(count<Revive>(vrrpd(Word::ACTIVE, true)), 1U);
}

TEST_F(TakingOrder, a_speaker_that_died_after_it_became_active_is_active_in_the_next_one) {
  ready();
  (void)go();
  EXPECT_THAT(order.vrrpd_says({}, now), IsEmpty());
  EXPECT_EQ(count<Revive>(vrrpd(Word::NONE, true)), 1U);
}

TEST_F(TakingOrder, vrrpds_end_before_go_drops_everything) {
  ready();
  EXPECT_EQ(count<DiscardRestored>(order.vrrpd_says({}, now)), 1U);
}

TEST_F(TakingOrder, frames_of_another_handover_mean_nothing) {
  ready();
  wire::Handover other;
  other.set_number(kNumber + 1);
  other.mutable_go();
  EXPECT_THAT(order.frame(other, now), IsEmpty());
  EXPECT_FALSE(order.collects(kNumber + 1));
}

}  // namespace
}  // namespace hapair::lbcore::handover
