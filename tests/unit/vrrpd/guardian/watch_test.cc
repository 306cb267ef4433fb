// The guardian's judgement: what happened to the speaker goes in, what is done about it comes out.
#include "vrrpd/guardian/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{100s};

std::vector<Verb> verbs(const WatchActions& actions) {
  std::vector<Verb> out;
  out.reserve(actions.size());
  for (const WatchAction& action : actions) out.push_back(action.verb);
  return out;
}

/// A guardian, and the memory that its speakers share.
class WatchTest : public testing::Test {
 protected:
  std::vector<Verb> happens(const WatchEvent& event) {
    return verbs(watch_.step(event, view_, now_));
  }
  /// Comes back whenever it wants to, while the speaker's loop turns, or does not.
  std::vector<Verb> passes(Duration time, bool turns = true) {
    std::vector<Verb> out;
    const TimePoint end = now_ + time;
    while (watch_.deadline() && *watch_.deadline() <= end) {
      now_ = *watch_.deadline();
      if (turns) view_.alive = now_;
      for (const Verb verb : happens(TimePassed{})) out.push_back(verb);
      if (!out.empty() && out.back() == Verb::kill) return out;
    }
    now_ = end;
    if (turns) view_.alive = now_;
    return out;
  }
  void begin() {
    EXPECT_THAT(happens(Begin{}), ElementsAre(Verb::spawn));
    takes_place();
  }
  void takes_place() {
    view_.in_place = true;
    view_.alive = now_;
    (void)happens(TimePassed{});
  }
  void becomes_active(Duration interval = 10ms) {
    view_.fastest = interval;
    (void)happens(TimePassed{});
  }
  std::vector<Verb> dies() {
    const auto out = happens(SpeakerDied{});
    view_.in_place = false;  // as the shell numbers the next one
    return out;
  }

  Watch watch_;
  View view_;
  TimePoint now_ = kStart;
};

// --- Death ---------------------------------------------------------------------------------------

TEST_F(WatchTest, a_dead_active_is_replaced_at_once_and_keeps_its_vips) {
  begin();
  becomes_active();
  EXPECT_THAT(passes(400ms), IsEmpty());
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn));
  now_ += 3ms;
  takes_place();
  const auto later = passes(20s);
  EXPECT_THAT(later, Each(Verb::renew));
}

TEST_F(WatchTest, twenty_deaths_with_pauses_between_move_nothing) {
  begin();
  becomes_active();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(passes(600ms), Each(Verb::renew));
    EXPECT_THAT(dies(), ElementsAre(Verb::spawn)) << i;
    now_ += 3ms;
    takes_place();
  }
}

TEST_F(WatchTest, who_is_not_in_place_in_time_is_killed_and_the_vips_are_buried) {
  begin();
  becomes_active();
  (void)dies();
  EXPECT_THAT(passes(49ms), IsEmpty());
  EXPECT_THAT(passes(2ms), ElementsAre(Verb::kill));
  EXPECT_THAT(dies(), ElementsAre(Verb::bury));
  view_.fastest = Duration::zero();
  EXPECT_THAT(passes(199ms), IsEmpty());
  EXPECT_THAT(passes(2ms), ElementsAre(Verb::spawn)) << "after a pause, from the beginning";
}

TEST_F(WatchTest, one_that_does_not_even_die_is_buried_without_it_and_again_when_it_is_dead) {
  begin();
  becomes_active();
  (void)dies();
  EXPECT_THAT(passes(51ms), ElementsAre(Verb::kill));
  EXPECT_THAT(passes(11ms), ElementsAre(Verb::bury));
  view_.fastest = Duration::zero();
  EXPECT_THAT(passes(5s), IsEmpty());
  EXPECT_THAT(dies(), ElementsAre(Verb::bury));
}

TEST_F(WatchTest, a_speaker_that_dies_again_as_it_takes_over_is_poisoned) {
  begin();
  becomes_active();
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn));
  now_ += 2ms;
  EXPECT_THAT(dies(), ElementsAre(Verb::bury)) << "before it was in place";
}

TEST_F(WatchTest, so_is_one_that_dies_soon_after) {
  begin();
  becomes_active();
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn));
  takes_place();
  (void)passes(400ms);
  EXPECT_THAT(dies(), ElementsAre(Verb::bury));
  view_.fastest = Duration::zero();
  EXPECT_THAT(passes(5s), ElementsAre(Verb::spawn));
}

TEST_F(WatchTest, one_that_holds_nothing_is_replaced_with_growing_pauses) {
  begin();
  EXPECT_THAT(dies(), IsEmpty());
  EXPECT_THAT(passes(101ms), ElementsAre(Verb::spawn));
  takes_place();
  EXPECT_THAT(dies(), IsEmpty());
  EXPECT_THAT(passes(150ms), IsEmpty());
  EXPECT_THAT(passes(51ms), ElementsAre(Verb::spawn));
  takes_place();
  (void)passes(11s);
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn)) << "it lived long: no pause";
}

TEST_F(WatchTest, a_process_that_cannot_be_started_is_tried_again_until_it_is_too_late) {
  begin();
  becomes_active();
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn));
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(happens(SpawnFailed{}), IsEmpty());
    EXPECT_THAT(passes(10ms), ElementsAre(Verb::spawn));
  }
  EXPECT_THAT(happens(SpawnFailed{}), IsEmpty());
  EXPECT_THAT(passes(10ms), ElementsAre(Verb::bury, Verb::spawn));
}

TEST_F(WatchTest, the_first_one_that_cannot_start_ends_the_program) {
  (void)happens(Begin{});
  EXPECT_THAT(dies(), IsEmpty()) << "its exit code is not known yet";
  const auto actions = watch_.step(SpeakerGone{.cannot_start = true}, view_, now_);
  EXPECT_EQ(actions, (WatchActions{{.verb = Verb::exit, .why = {}, .code = 1}}));
}

TEST_F(WatchTest, a_first_one_that_crashes_is_replaced) {
  (void)happens(Begin{});
  (void)dies();
  EXPECT_THAT(happens(SpeakerGone{}), IsEmpty());
  EXPECT_THAT(passes(101ms), ElementsAre(Verb::spawn));
}

// --- Standing still ------------------------------------------------------------------------------

TEST_F(WatchTest, an_active_that_stands_still_for_three_intervals_is_killed_then_replaced) {
  begin();
  becomes_active();
  (void)passes(400ms);
  EXPECT_THAT(passes(30ms, false), IsEmpty());
  EXPECT_THAT(passes(1ms, false), ElementsAre(Verb::kill));
  EXPECT_THAT(dies(), ElementsAre(Verb::spawn));
}

TEST_F(WatchTest, a_slow_one_is_not_given_longer_than_a_second) {
  begin();
  becomes_active(40s);
  (void)passes(400ms);
  const auto done = passes(1001ms, false);
  EXPECT_EQ(done.back(), Verb::kill);
}

TEST_F(WatchTest, a_backup_is_given_a_second) {
  begin();
  (void)passes(400ms);
  EXPECT_THAT(passes(999ms, false), IsEmpty());
  EXPECT_THAT(passes(2ms, false), ElementsAre(Verb::kill));
  EXPECT_THAT(dies(), IsEmpty());
  EXPECT_THAT(passes(101ms), ElementsAre(Verb::spawn));
}

TEST_F(WatchTest, a_guardian_that_slept_itself_gives_the_speaker_its_time_again) {
  begin();
  becomes_active();
  now_ += 5s;  // nobody ran
  EXPECT_THAT(happens(TimePassed{}), testing::Not(testing::Contains(Verb::kill)));
  view_.alive = now_ + 1ms;
  EXPECT_THAT(passes(200ms), testing::Not(testing::Contains(Verb::kill)));
  // Should it really be dead to the world, it is killed a little later.
  EXPECT_EQ(passes(31ms, false).back(), Verb::kill);
}

TEST_F(WatchTest, killed_for_standing_still_but_not_dead_its_vips_are_buried) {
  begin();
  becomes_active();
  (void)passes(31ms, false);
  EXPECT_THAT(passes(51ms, false), ElementsAre(Verb::bury));
}

TEST_F(WatchTest, one_that_had_nothing_to_do_as_backup_is_not_late_as_active) {
  begin();
  EXPECT_THAT(passes(400ms, false), IsEmpty());
  view_.fastest = 10ms;
  EXPECT_THAT(happens(TimePassed{}), ElementsAre(Verb::renew));
  EXPECT_EQ(passes(31ms, false).back(), Verb::kill);
}

// --- The lease -----------------------------------------------------------------------------------

TEST_F(WatchTest, the_lease_is_renewed_twice_a_second_while_vips_are_held) {
  begin();
  EXPECT_THAT(passes(3s), IsEmpty());
  view_.fastest = 10ms;
  EXPECT_THAT(happens(TimePassed{}), ElementsAre(Verb::renew));
  EXPECT_EQ(passes(2s), (std::vector<Verb>(4, Verb::renew)));
}

TEST_F(WatchTest, it_is_not_renewed_for_one_that_stands_still) {
  begin();
  becomes_active(1s);
  (void)passes(100ms);
  const auto done = passes(1001ms, false);
  EXPECT_EQ(done.back(), Verb::kill);
  EXPECT_LE(done.size(), 3U);
  EXPECT_THAT(passes(900ms, false), IsEmpty());
}

// --- Stopping ------------------------------------------------------------------------------------

TEST_F(WatchTest, stops_when_the_speaker_has_left) {
  begin();
  becomes_active();
  EXPECT_THAT(happens(StopAsked{}), ElementsAre(Verb::terminate));
  EXPECT_THAT(happens(StopAsked{}), IsEmpty());
  EXPECT_THAT(dies(), ElementsAre(Verb::bury)) << "nothing, if it did as it should";
  EXPECT_THAT(happens(SpeakerGone{}), ElementsAre(Verb::exit));
}

TEST_F(WatchTest, a_speaker_that_does_not_stop_is_killed) {
  begin();
  (void)happens(StopAsked{});
  EXPECT_THAT(passes(2999ms, false), IsEmpty());
  EXPECT_THAT(passes(2ms, false), ElementsAre(Verb::kill));
  EXPECT_THAT(dies(), ElementsAre(Verb::bury));
  EXPECT_THAT(happens(SpeakerGone{}), ElementsAre(Verb::exit));
}

TEST_F(WatchTest, stops_at_once_between_two_speakers) {
  begin();
  (void)dies();
  EXPECT_THAT(happens(StopAsked{}), ElementsAre(Verb::bury, Verb::exit));
}

TEST_F(WatchTest, an_earlier_speaker_that_is_gone_at_last_does_not_end_a_stop) {
  begin();
  becomes_active();
  (void)dies();
  takes_place();
  (void)happens(StopAsked{});
  EXPECT_THAT(happens(SpeakerGone{}), IsEmpty());
}

}  // namespace
}  // namespace hapair::vrrp
