// Two ends of a pair path: when a word counts, and when it does not.
#include "vrrpd/pair_path/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PairKey kKey{1, 2, 3};
constexpr TimePoint kStart{100s};
const uint32_t kMain = router_id("main");

struct End {
  End(const std::string& node, const std::string& peer, uint64_t epoch)
      : life(epoch), path(kKey, node, peer, life) {
    own.pace = 100ms;
    own.routers.push_back(
        {.id = kMain, .vrid = 51, .role = Role::backup, .priority = 100, .interval = 100ms});
  }
  std::vector<uint8_t> says(TimePoint now, bool ask = false) { return path.compose(own, ask, now); }
  std::vector<uint8_t> resigns(TimePoint now) {
    OwnView last = own;
    last.routers[0].role = Role::initialize;
    last.routers[0].resigns = true;
    return path.compose(last, false, now);
  }
  Life life;
  Path path;
  OwnView own;
};

class TwoEnds : public testing::Test {
 protected:
  /// A first word of each, and the answers that they cause.
  void meet(TimePoint now) {
    ASSERT_TRUE(b.path.receive(a.says(now), now));
    ASSERT_TRUE(a.path.receive(b.says(now), now));
    ASSERT_TRUE(b.path.receive(a.says(now), now));
    ASSERT_TRUE(a.path.peer().alive);
    ASSERT_TRUE(b.path.peer().alive);
  }
  End a{"lb1", "lb2", 1000};
  End b{"lb2", "lb1", 2000};
};

TEST_F(TwoEnds, a_word_counts_when_it_echoes_ours) {
  const auto first = b.path.receive(a.says(kStart), kStart);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->live);
  EXPECT_TRUE(first->answer);
  EXPECT_FALSE(b.path.peer().alive);

  const auto back = a.path.receive(b.says(kStart + 1ms), kStart + 1ms);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->live);
  EXPECT_TRUE(back->risen);
  EXPECT_TRUE(back->answer);
  EXPECT_EQ(back->proven, kStart);
  EXPECT_TRUE(a.path.peer().alive);

  const auto third = b.path.receive(a.says(kStart + 2ms), kStart + 2ms);
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->live);
  EXPECT_EQ(third->proven, kStart + 1ms);
  EXPECT_TRUE(third->answer);  // it has risen; the peer may not hear us yet
  EXPECT_FALSE(b.path.receive(a.says(kStart + 3ms), kStart + 3ms)->answer);
}

TEST_F(TwoEnds, a_rotated_key_refuses_nothing_in_any_order) {
  PairKey next = kKey;
  next[0] ^= 1U;
  const PairKeys steps[] = {kKey, {kKey, next}, {next, kKey}, next};
  TimePoint now = kStart;
  meet(now);
  for (size_t step = 1; step < std::size(steps); ++step) {
    End& first = step % 2 == 0 ? a : b;
    End& second = step % 2 == 0 ? b : a;
    for (End* end : {&first, &second}) {
      end->path.set_keys(steps[step]);
      now += 10ms;
      const auto at_b = b.path.receive(a.says(now), now);
      ASSERT_TRUE(at_b && at_b->live) << "step " << step;
      const auto at_a = a.path.receive(b.says(now), now);
      ASSERT_TRUE(at_a && at_a->live) << "step " << step;
    }
  }
  // And without the other's next step it would not have been so.
  a.path.set_keys(kKey);
  EXPECT_EQ(b.path.receive(a.says(now), now).error(), PathRefusal::authentication);
}

TEST_F(TwoEnds, the_peer_is_silent_after_three_and_a_half_of_its_paces) {
  meet(kStart);
  EXPECT_EQ(b.path.alive_until(), kStart + 350ms);
  EXPECT_FALSE(b.path.check(kStart + 349ms));
  EXPECT_TRUE(b.path.check(kStart + 350ms));
  EXPECT_FALSE(b.path.peer().alive);
  EXPECT_FALSE(b.path.check(kStart + 351ms));
}

TEST_F(TwoEnds, a_repeated_datagram_is_refused) {
  meet(kStart);
  const auto word = a.says(kStart + 10ms);
  ASSERT_TRUE(b.path.receive(word, kStart + 10ms));
  const auto again = b.path.receive(word, kStart + 11ms);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), PathRefusal::replayed);
}

TEST_F(TwoEnds, an_overtaken_datagram_is_refused) {
  meet(kStart);
  const auto early = a.says(kStart + 10ms);
  const auto late = a.says(kStart + 11ms);
  ASSERT_TRUE(b.path.receive(late, kStart + 12ms));
  EXPECT_FALSE(b.path.receive(early, kStart + 12ms));
}

TEST_F(TwoEnds, one_recorded_in_an_earlier_life_of_ours_is_not_live) {
  meet(kStart);
  const auto recorded = a.says(kStart + 10ms);
  End reborn("lb2", "lb1", 3000);
  (void)reborn.says(kStart + 20ms);
  const auto taken = reborn.path.receive(recorded, kStart + 20ms);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->live);
  EXPECT_FALSE(reborn.path.peer().alive);
}

TEST_F(TwoEnds, one_recorded_in_an_earlier_life_of_the_peer_is_refused) {
  meet(kStart);
  const auto recorded = a.says(kStart + 10ms);
  End reborn("lb1", "lb2", 1001);
  ASSERT_TRUE(b.path.receive(reborn.says(kStart + 20ms), kStart + 20ms));
  EXPECT_FALSE(b.path.receive(recorded, kStart + 30ms));
}

TEST_F(TwoEnds, one_that_was_held_back_is_not_live) {
  meet(kStart);
  a.own.routers[0].role = Role::active;
  const auto held = a.says(kStart + 10ms);
  const auto taken = b.path.receive(held, kStart + 2s);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->live);
  EXPECT_EQ(b.path.peer().routers[0].role, Role::backup);
}

TEST_F(TwoEnds, our_own_datagram_is_refused) {
  const auto own = a.path.receive(a.says(kStart), kStart);
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error(), PathRefusal::authentication);
}

TEST_F(TwoEnds, a_clock_that_jumped_back_is_stepped_over) {
  meet(kStart);
  End reborn("lb1", "lb2", 10);
  EXPECT_FALSE(b.path.receive(reborn.says(kStart + 1s), kStart + 1s));
  const auto told = reborn.path.receive(b.says(kStart + 1s), kStart + 1s);
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->new_epoch);
  EXPECT_EQ(reborn.life.epoch(), 1001U);
  const auto taken = b.path.receive(reborn.says(kStart + 1s), kStart + 1s);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->live);
}

TEST_F(TwoEnds, a_resign_counts_once_and_only_of_an_active) {
  meet(kStart);
  const auto idle = b.path.receive(a.resigns(kStart), kStart);
  ASSERT_TRUE(idle);
  EXPECT_THAT(idle->resigned, IsEmpty());

  a.own.routers[0].role = Role::active;
  ASSERT_TRUE(b.path.receive(a.says(kStart), kStart));
  const auto resign = a.resigns(kStart);
  const auto once = b.path.receive(resign, kStart);
  ASSERT_TRUE(once);
  EXPECT_THAT(once->resigned, ElementsAre(kMain));
  EXPECT_FALSE(b.path.receive(resign, kStart));
  const auto still = b.path.receive(a.resigns(kStart), kStart);
  ASSERT_TRUE(still);
  EXPECT_THAT(still->resigned, IsEmpty());
}

TEST_F(TwoEnds, a_resign_that_was_overtaken_by_a_claim_is_refused) {
  meet(kStart);
  a.own.routers[0].role = Role::active;
  ASSERT_TRUE(b.path.receive(a.says(kStart), kStart));
  const auto late = a.resigns(kStart);
  ASSERT_TRUE(b.path.receive(a.says(kStart), kStart));
  EXPECT_FALSE(b.path.receive(late, kStart));
}

class LastWill : public TwoEnds {
 protected:
  void SetUp() override {
    meet(kStart);
    a.own.routers[0].role = Role::active;
    ASSERT_TRUE(b.path.receive(a.says(kStart), kStart));
    will_ = a.path.last_will(a.own);
  }
  std::vector<uint8_t> will_;
};

TEST_F(LastWill, resigns_long_after_it_was_written) {
  for (int i = 1; i <= 600; ++i) {
    const TimePoint now = kStart + i * 100ms;
    ASSERT_TRUE(a.path.receive(b.says(now), now));
    ASSERT_TRUE(b.path.receive(a.says(now), now));
  }
  const auto taken = b.path.receive(will_, kStart + 60s);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->live);
  EXPECT_THAT(taken->resigned, ElementsAre(kMain));
  const auto again = b.path.receive(will_, kStart + 60s);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->resigned, IsEmpty());
  // Whatever the dead one said is older.
  EXPECT_FALSE(b.path.receive(a.says(kStart + 60s), kStart + 60s));
}

TEST_F(LastWill, is_void_in_another_epoch_of_its_writer) {
  End reborn("lb1", "lb2", 1001);
  ASSERT_TRUE(b.path.receive(reborn.says(kStart), kStart));
  EXPECT_FALSE(b.path.receive(will_, kStart));
}

TEST_F(LastWill, is_void_in_another_epoch_of_its_reader) {
  End reborn("lb2", "lb1", 3000);
  (void)reborn.says(kStart);
  EXPECT_FALSE(reborn.path.receive(will_, kStart));
  ASSERT_TRUE(a.path.receive(reborn.says(kStart), kStart));
  ASSERT_TRUE(reborn.path.receive(a.says(kStart), kStart));
  EXPECT_FALSE(reborn.path.receive(will_, kStart));
  EXPECT_THAT(reborn.path.receive(a.path.last_will(a.own), kStart)->resigned, ElementsAre(kMain));
}

}  // namespace
}  // namespace hapair::vrrp
