// vrrpd's part in a handover without loss, against a scripted lbcore.
#include "vrrpd/election/handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Word = role::Handover;

constexpr TimePoint kNow{100s};

template <typename Kind>
bool are(const Handover::Orders& orders, size_t count) {
  return orders.size() == count && std::all_of(orders.begin(), orders.end(), [](const auto& one) {
           return std::holds_alternative<Kind>(one.event);
         });
}

Word word(uint64_t number, Word::Step step, const std::string& reason = {}) {
  Word out;
  out.set_number(number);
  out.set_step(step);
  out.set_reason(reason);
  out.mutable_moved()->set_moved(7);
  return out;
}

class HandoverTest : public testing::Test {
 protected:
  Handover::Orders hear(Word::Step step, const std::string& reason = {}, uint64_t number = 5) {
    const Word said = word(number, step, reason);
    return handover.heard(&said, routers, now);
  }
  Handover::Orders ask(uint64_t number = 5) {
    Word said = word(number, Word::ASK);
    said.add_routers("main");
    said.add_routers("six");
    return handover.heard(&said, routers, now);
  }
  void all(Role role, bool away = false, bool adopting = false) {
    for (auto& router : routers) {
      router.role = role;
      router.away = away;
      router.adopting = router.adopted = adopting;
    }
  }
  Handover::Orders changed() { return handover.changed(routers, now); }

  Handover handover;
  TimePoint now = kNow;
  Handover::Routers routers{
      {.name = "main", .role = Role::active, .addresses = {"10.0.0.100"}},
      {.name = "six", .role = Role::active, .addresses = {"2001:db8::100"}},
  };
};

class Giving : public HandoverTest {
 protected:
  Giving() { EXPECT_THAT(handover.begin(5, routers, "handover", now), IsEmpty()); }
  void release() {
    EXPECT_TRUE(are<Release>(hear(Word::RELEASE), 2));
    all(Role::active, true);
    EXPECT_THAT(changed(), IsEmpty());
  }
};

TEST_F(Giving, lbcore_hears_which_routers_and_addresses) {
  EXPECT_EQ(handover.word().step(), Word::PREPARE);
  EXPECT_THAT(handover.word().routers(), ElementsAre("main", "six"));
  EXPECT_THAT(handover.word().addresses(), ElementsAre("10.0.0.100", "2001:db8::100"));
}

TEST_F(Giving, released_and_taken_it_is_done_and_reported) {
  release();
  EXPECT_EQ(handover.word().step(), Word::RELEASED);
  now += 40ms;
  EXPECT_TRUE(are<Given>(hear(Word::TAKEN), 2));
  EXPECT_EQ(handover.word().step(), Word::GIVEN);
  EXPECT_TRUE(handover.report()->finished);
  EXPECT_FALSE(handover.report()->failed);
  EXPECT_EQ(handover.report()->moved.moved(), 7U);
  EXPECT_EQ(handover.report()->moved.dark_us(), 40'000U);
  EXPECT_THAT(handover.heard(nullptr, routers, now), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::NONE) << "understood";
}

TEST_F(Giving, the_new_active_may_be_heard_before_lbcore_says_so) {
  release();
  routers[0].role = Role::backup;
  routers[0].away = false;
  const auto orders = changed();
  EXPECT_TRUE(are<Given>(orders, 1)) << "the other router goes along";
  EXPECT_EQ(handover.word().step(), Word::GIVEN);
  EXPECT_FALSE(handover.report()->finished) << "lbcore's report is to come";
  all(Role::backup);
  (void)hear(Word::TAKEN);
  EXPECT_TRUE(handover.report()->finished);
  EXPECT_EQ(handover.report()->moved.moved(), 7U);
}

TEST_F(Giving, taken_back_every_router_has_its_vips_again) {
  release();
  EXPECT_TRUE(are<Reclaim>(hear(Word::TAKE_BACK, "the peer failed"), 2));
  EXPECT_EQ(handover.word().step(), Word::HELD);
  EXPECT_TRUE(handover.report()->failed);
  EXPECT_EQ(handover.report()->reason, "the peer failed");
  EXPECT_THAT(hear(Word::TAKE_BACK), IsEmpty()) << "said again";
}

TEST_F(Giving, refused_by_the_peers_lbcore_the_routers_resign_as_ever) {
  EXPECT_TRUE(are<HandOver>(hear(Word::PLAIN, "the peer is old"), 2));
  EXPECT_EQ(handover.word().step(), Word::GIVEN);
  EXPECT_FALSE(handover.report()->failed);
  EXPECT_EQ(handover.report()->reason, "no connection was moved: the peer is old");
}

TEST_F(Giving, so_they_do_when_lbcore_says_nothing) {
  now += Handover::kPrepareMost;
  EXPECT_TRUE(are<HandOver>(handover.expired(routers, now), 2));
}

TEST_F(Giving, one_that_took_its_vips_back_alone_brings_back_the_others) {
  release();
  routers[1].away = false;
  EXPECT_TRUE(are<Reclaim>(changed(), 2));
  EXPECT_EQ(handover.word().step(), Word::HELD);
}

TEST_F(Giving, lbcores_end_takes_everything_back) {
  release();
  EXPECT_TRUE(are<Reclaim>(handover.lbcore_gone(routers, now), 2));
  EXPECT_FALSE(handover.under_way());
}

TEST_F(Giving, a_word_about_another_handover_is_not_for_this_one) {
  EXPECT_THAT(hear(Word::RELEASE, {}, 4), IsEmpty());
  EXPECT_THAT(hear(Word::TAKEN, {}, 4), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::PREPARE);
}

TEST_F(Giving, released_for_longer_than_anything_may_take_it_is_taken_back) {
  release();
  now += Handover::kAwayMost;
  EXPECT_TRUE(are<Reclaim>(handover.expired(routers, now), 2));
}

class Taking : public HandoverTest {
 protected:
  Taking() {
    all(Role::backup);
    EXPECT_THAT(ask(), IsEmpty());
  }
  void adopt() {
    EXPECT_TRUE(are<Adopt>(hear(Word::ADOPT), 2));
    all(Role::backup, false, true);
    EXPECT_THAT(changed(), IsEmpty());
  }
};

TEST_F(Taking, asked_adopted_and_taken_over) {
  EXPECT_EQ(handover.word().step(), Word::READY);
  adopt();
  EXPECT_EQ(handover.word().step(), Word::ADOPTED);
  EXPECT_TRUE(are<TakeRole>(hear(Word::TAKE), 2));
  all(Role::active);
  EXPECT_THAT(changed(), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::ACTIVE);
  EXPECT_TRUE(handover.report()->finished);
  EXPECT_FALSE(handover.report()->to_peer);
}

TEST_F(Taking, adopted_is_said_when_all_addresses_of_all_routers_are_here) {
  EXPECT_TRUE(are<Adopt>(hear(Word::ADOPT), 2));
  all(Role::backup, false, true);
  routers[1].adopted = false;
  EXPECT_THAT(changed(), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::READY);
  routers[1].adopted = true;
  EXPECT_THAT(changed(), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::ADOPTED);
}

TEST_F(Taking, told_to_stop_it_lets_go) {
  adopt();
  EXPECT_TRUE(are<Unadopt>(hear(Word::STOP, "the peer failed"), 2));
  EXPECT_EQ(handover.word().step(), Word::DROPPED);
}

TEST_F(Taking, lbcores_end_makes_it_let_go) {
  adopt();
  EXPECT_TRUE(are<Unadopt>(handover.lbcore_gone(routers, now), 2));
}

TEST_F(Taking, one_router_that_lets_go_takes_the_others_along) {
  adopt();
  routers[0].adopting = routers[0].adopted = false;
  EXPECT_TRUE(are<Unadopt>(changed(), 2));
  EXPECT_EQ(handover.word().step(), Word::DROPPED);
}

TEST_F(Taking, the_deadline_counts_from_the_question) {
  now += 1s;
  EXPECT_TRUE(are<Adopt>(hear(Word::ADOPT), 2));
  EXPECT_EQ(handover.deadline(), kNow + Handover::kAdoptMost);
  now = kNow + Handover::kAdoptMost;
  EXPECT_TRUE(are<Unadopt>(handover.expired(routers, now), 2));
}

TEST_F(HandoverTest, who_is_not_backup_or_in_trouble_is_unable) {
  EXPECT_THAT(ask(), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::UNABLE);
  EXPECT_EQ(handover.word().reason(), "main is Active");
  all(Role::backup);
  routers[1].trouble = "demoted";
  EXPECT_THAT(ask(6), IsEmpty());
  EXPECT_EQ(handover.word().reason(), "six: demoted");
}

TEST_F(HandoverTest, a_speaker_that_began_in_the_middle_is_told_how_it_ends) {
  all(Role::active, true);
  EXPECT_TRUE(are<Reclaim>(hear(Word::TAKE_BACK), 2));
  EXPECT_EQ(handover.word().step(), Word::HELD);
  EXPECT_EQ(handover.word().number(), 5U);
  EXPECT_THAT(hear(Word::TAKE_BACK), IsEmpty());
  EXPECT_TRUE(are<Given>(hear(Word::TAKEN, {}, 6), 2));
  EXPECT_EQ(handover.word().step(), Word::GIVEN);
  all(Role::backup);
  EXPECT_THAT(hear(Word::ADOPT, {}, 7), IsEmpty());
  EXPECT_EQ(handover.word().step(), Word::DROPPED);
}

}  // namespace
}  // namespace hapair::vrrp
