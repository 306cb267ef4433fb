// What the pair path and the witness add to the election.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr TimePoint kStart{100s};
const IpAddress kOwn = IpAddress::parse("10.0.0.2").value();
const IpAddress kPeer = IpAddress::parse("10.0.0.1").value();
const Duration kDown = active_down_interval(100, 10ms);

Parameters params() {
  return {.priority = 100, .interval = 10ms, .own_address = kOwn};
}
Parameters witnessed() {
  Parameters out = params();
  out.witness = true;
  return out;
}

/// Listens since kStart.
Fsm backup(const Parameters& parameters = params()) {
  Fsm fsm(parameters);
  (void)fsm.step(Startup{}, kStart);
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_EQ(fsm.role(), Role::backup);
  return fsm;
}
const TimePoint kActive = kStart + kDown;
Fsm active(const Parameters& parameters = params()) {
  Fsm fsm = backup(parameters);
  (void)fsm.step(WitnessAnswered{}, kActive);
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::active);
  return fsm;
}
PairWord word(Role role, TimePoint proven) {
  return {.node = "lb1",
          .role = role,
          .priority = 150,
          .interval = 10ms,
          .address = kPeer,
          .hears_us = false,
          .witness_answered = {},
          .proven = proven};
}
Heard heard(uint8_t priority) {
  return {.sender = kPeer, .priority = priority, .interval = 10ms};
}
const Action kFastResign = SendAdvertisement{.priority = 0};
const Action kYield = SendAdvertisement{.priority = 0, .to_winner = true};

// --- Ask before takeover -------------------------------------------------------------------------

TEST(AskBeforeTakeover, looks_around_when_an_advertisement_is_missing) {
  Fsm fsm = backup();
  EXPECT_EQ(fsm.first_miss(), kStart + 12500us);
  (void)fsm.step(heard(150), kStart + 5ms);
  EXPECT_EQ(fsm.first_miss(), kStart + 17500us);
  (void)fsm.step(heard(0), kStart + 6ms);
  EXPECT_LE(*fsm.first_miss(), kStart);
  EXPECT_EQ(active().first_miss(), std::nullopt);
}

TEST(AskBeforeTakeover, a_living_active_peer_keeps_us_backup) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kActive - 10ms), kActive - 9ms);
  const Actions actions = fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.reason(), "LAN silent; peer lb1 is Active and well on the pair path");
  EXPECT_EQ(fsm.deadline(), kActive + kDown);
  EXPECT_THAT(actions, Contains(Action(ArmDeadline{kActive + kDown})));
}

TEST(AskBeforeTakeover, a_word_from_before_the_silence_proves_nothing) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kStart + 1ms), kStart + 2ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(AskBeforeTakeover, a_peer_that_is_not_active_is_replaced_at_the_deadline) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::initialize, kActive - 1ms), kActive - 1ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(AskBeforeTakeover, who_was_kept_takes_over_when_the_peer_is_active_no_more) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kActive - 10ms), kActive - 9ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  (void)fsm.step(word(Role::active, kActive + 5ms), kActive + 6ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  (void)fsm.step(word(Role::backup, kActive + 7ms), kActive + 8ms);
  EXPECT_EQ(fsm.role(), Role::active);
  EXPECT_EQ(fsm.reason(), "LAN silent; peer lb1 says that it is Backup");
}

TEST(AskBeforeTakeover, who_hears_the_lan_again_does_not) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kActive - 10ms), kActive - 9ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  (void)fsm.step(heard(150), kActive + 1ms);
  (void)fsm.step(word(Role::backup, kActive + 7ms), kActive + 8ms);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(AskBeforeTakeover, who_was_kept_takes_over_when_the_peer_dies) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kActive - 10ms), kActive - 9ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  (void)fsm.step(PairSilent{}, kActive + 30ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  (void)fsm.step(DeadlinePassed{}, kActive + kDown);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(AskBeforeTakeover, preemption_needs_no_leave) {
  Parameters parameters = params();
  parameters.preempt = true;
  parameters.priority = 200;
  Fsm fsm = backup(parameters);
  const TimePoint deadline = *fsm.deadline();
  (void)fsm.step(heard(150), deadline - 1ms);
  (void)fsm.step(word(Role::active, deadline - 1ms), deadline - 1ms);
  (void)fsm.step(DeadlinePassed{}, deadline);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(AskBeforeTakeover, an_active_that_resigned_on_the_lan_is_not_believed_to_be_active) {
  Fsm fsm = backup();
  (void)fsm.step(word(Role::active, kStart + 4ms), kStart + 5ms);
  (void)fsm.step(heard(0), kStart + 6ms);
  (void)fsm.step(DeadlinePassed{}, *fsm.deadline());
  EXPECT_EQ(fsm.role(), Role::active);
}

/// Anybody on the LAN can forge a resign; the peer's own later word counts more.
TEST(AskBeforeTakeover, a_resign_that_the_peer_denies_changes_nothing) {
  Fsm fsm = backup();
  (void)fsm.step(heard(0), kStart + 6ms);
  (void)fsm.step(word(Role::active, kStart + 7ms), kStart + 8ms);
  (void)fsm.step(DeadlinePassed{}, *fsm.deadline());
  EXPECT_EQ(fsm.role(), Role::backup);
}

// --- Fast resign ---------------------------------------------------------------------------------

TEST(FastResign, a_backup_takes_over_at_once) {
  Fsm fsm = backup();
  (void)fsm.step(heard(150), kStart + 5ms);
  EXPECT_THAT(fsm.step(PeerResigned{"lb1"}, kStart + 6ms), Contains(Action(AddAddresses{})));
  EXPECT_EQ(fsm.role(), Role::active);
  EXPECT_EQ(fsm.reason(), "peer lb1 resigned on the pair path");
}

TEST(FastResign, nobody_else_is_moved_by_it) {
  Fsm served = active();
  EXPECT_THAT(served.step(PeerResigned{"lb1"}, kActive + 1ms), IsEmpty());
  Fsm waiting(params());
  (void)waiting.step(Startup{}, kStart);
  EXPECT_THAT(waiting.step(PeerResigned{"lb1"}, kStart), IsEmpty());
}

TEST(FastResign, who_leaves_says_so_and_who_loses_does_not_offer_the_role) {
  Fsm stops = active();
  EXPECT_THAT(stops.step(Shutdown{"stopped"}, kActive + 1ms), Contains(kFastResign));
  Fsm hands_over = active();
  EXPECT_THAT(hands_over.step(HandOver{"handover"}, kActive + 1ms), Contains(kFastResign));
  Fsm loses = active();
  EXPECT_THAT(loses.step(heard(200), kActive + 1ms), Contains(kYield));
}

// --- Two Actives ---------------------------------------------------------------------------------

TEST(TwoActives, the_lesser_steps_down_when_only_the_pair_path_tells) {
  Fsm fsm = active();
  (void)fsm.step(word(Role::active, kActive), kActive + 1ms);
  EXPECT_EQ(fsm.role(), Role::active);  // it may not have heard us yet
  EXPECT_THAT(fsm.step(word(Role::active, kActive + 5ms), kActive + 7ms), Contains(kYield));
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.reason(), "lb1 is Active too, says the pair path, and wins the election");
}

TEST(TwoActives, the_better_stays_and_announces_when_the_other_has_left) {
  Parameters parameters = params();
  parameters.priority = 200;
  Fsm fsm = backup(parameters);
  const TimePoint since = *fsm.deadline();
  (void)fsm.step(DeadlinePassed{}, since);
  (void)fsm.step(word(Role::active, since), since + 1ms);
  (void)fsm.step(word(Role::active, since + 5ms), since + 7ms);
  EXPECT_EQ(fsm.role(), Role::active);
  EXPECT_THAT(fsm.step(word(Role::backup, since + 7ms), since + 8ms), Contains(Action(Announce{})));
}

TEST(TwoActives, who_is_not_heard_yields_to_who_is) {
  Parameters parameters = params();
  parameters.preempt = true;
  parameters.priority = 200;
  Fsm fsm = backup(parameters);
  const TimePoint since = *fsm.deadline();
  (void)fsm.step(heard(150), since - 1ms);
  (void)fsm.step(DeadlinePassed{}, since);
  (void)fsm.step(word(Role::active, since), since + 1ms);
  (void)fsm.step(word(Role::active, since + 5ms), since + 7ms);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_THAT(fsm.reason(), HasSubstr("does not hear us on the LAN"));
  // And does not preempt right back.
  for (TimePoint now = since + 10ms; now < since + 5s; now += 10ms) {
    (void)fsm.step(heard(150), now);
    (void)fsm.step(DeadlinePassed{}, now);
    ASSERT_EQ(fsm.role(), Role::backup) << (now - since) / 1ms;
  }
}

TEST(TwoActives, who_slept_yields_to_the_one_who_took_over) {
  Fsm fsm = active();
  (void)fsm.step(word(Role::active, kActive + 1s), kActive + 1s);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.reason(), "slept; lb1 took over meanwhile");
}

// --- The witness ---------------------------------------------------------------------------------

TEST(Witness, nobody_heard_needs_its_answer) {
  Fsm fsm = backup(witnessed());
  (void)fsm.step(WitnessAnswered{}, kStart + 1ms);  // from before the silence
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.reason(), "LAN and pair path silent, and so is the witness");
}

TEST(Witness, its_answer_during_the_silence_postpones_nothing) {
  Fsm fsm = backup(witnessed());
  (void)fsm.step(WitnessAnswered{}, kStart + 14ms);
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Witness, an_answer_after_the_deadline_leaves_an_active_one_interval_to_speak) {
  Fsm fsm = backup(witnessed());
  (void)fsm.step(DeadlinePassed{}, kActive);
  const TimePoint answer = kActive + 3ms;
  (void)fsm.step(WitnessAnswered{}, answer);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.deadline(), answer + 10ms + skew_time(100, 10ms));
  (void)fsm.step(DeadlinePassed{}, *fsm.deadline());
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Witness, a_resign_needs_its_answer_too_and_takes_over_with_it) {
  Fsm fsm = backup(witnessed());
  (void)fsm.step(heard(0), kStart + 5ms);
  (void)fsm.step(DeadlinePassed{}, *fsm.deadline());
  EXPECT_EQ(fsm.role(), Role::backup);
  (void)fsm.step(WitnessAnswered{}, kStart + 20ms);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Witness, a_cut_off_active_steps_down_when_the_peer_is_silent) {
  Fsm fsm = active(witnessed());
  EXPECT_THAT(
      fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive, kActive}, kActive + 20ms),
      Contains(kFastResign));
  EXPECT_EQ(fsm.role(), Role::initialize);
  EXPECT_EQ(fsm.reason(), "10.0.0.254 does not answer");
  (void)fsm.step(WitnessAnswered{}, kActive + 1s);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(Witness, a_cut_off_active_steps_down_for_a_peer_whose_witness_answers) {
  Fsm fsm = active(witnessed());
  PairWord peer = word(Role::backup, kActive);
  peer.witness_answered = kActive - 1s;
  (void)fsm.step(peer, kActive + 1ms);
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive, kActive + 15ms},
                 kActive + 20ms);
  EXPECT_EQ(fsm.role(), Role::active);  // as far as is known the peer sees no more
  peer.witness_answered = kActive + 15ms;
  (void)fsm.step(peer, kActive + 21ms);
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST(Witness, that_comes_back_and_answers_the_peer_first_moves_nothing) {
  Fsm fsm = active(witnessed());
  (void)fsm.step(word(Role::backup, kActive), kActive + 1ms);
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive, kActive + 15ms},
                 kActive + 20ms);
  PairWord peer = word(Role::backup, kActive + 21ms);
  peer.witness_answered = kActive + 18ms;  // later than our last question
  EXPECT_THAT(fsm.step(peer, kActive + 21ms), Contains(Action{AskWitness{}}));
  EXPECT_THAT(fsm.step(peer, kActive + 22ms), IsEmpty()) << "asked once";
  (void)fsm.step(WitnessAnswered{}, kActive + 23ms);
  EXPECT_EQ(fsm.role(), Role::active);

  // Another time, and it is really ours alone.
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive + 30ms, kActive + 45ms},
                 kActive + 50ms);
  peer.witness_answered = kActive + 48ms;
  (void)fsm.step(peer, kActive + 51ms);
  ASSERT_EQ(fsm.role(), Role::active);
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive + 51ms, kActive + 55ms},
                 kActive + 60ms);
  EXPECT_EQ(fsm.role(), Role::initialize);
}

TEST(Witness, lost_on_both_sides_changes_nothing) {
  Fsm fsm = active(witnessed());
  PairWord peer = word(Role::backup, kActive);
  peer.witness_answered = kActive - 1ms;
  (void)fsm.step(peer, kActive + 1ms);
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive, kActive}, kActive + 20ms);
  EXPECT_EQ(fsm.role(), Role::active);
  peer.role = Role::initialize;  // nor could it serve
  peer.witness_answered = kActive + 25ms;
  (void)fsm.step(peer, kActive + 26ms);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Witness, a_cut_off_backup_leaves_the_role_to_a_peer_that_sees_more) {
  Fsm fsm = backup(witnessed());
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kStart, kStart}, kStart + 10ms);
  PairWord peer = word(Role::backup, kActive - 1ms);
  peer.witness_answered = kActive - 1ms;
  (void)fsm.step(peer, kActive);
  (void)fsm.step(DeadlinePassed{}, kActive);
  EXPECT_EQ(fsm.role(), Role::backup);
  peer.witness_answered = {};
  (void)fsm.step(peer, kActive + 1ms);
  peer.proven = kActive + kDown;
  (void)fsm.step(peer, kActive + kDown);
  (void)fsm.step(DeadlinePassed{}, kActive + kDown);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Witness, taken_out_of_the_configuration_keeps_nobody_out) {
  Fsm fsm = active(witnessed());
  (void)fsm.step(WitnessFailed{"10.0.0.254 does not answer", kActive, kActive}, kActive + 20ms);
  ASSERT_EQ(fsm.role(), Role::initialize);
  (void)fsm.step(Reconfigured{params()}, kActive + 1s);
  EXPECT_EQ(fsm.role(), Role::backup);
}

// --- boot_hold -----------------------------------------------------------------------------------

class BootHoldEnds : public testing::Test {
 protected:
  BootHoldEnds()
      : fsm_([] {
          Parameters out = params();
          out.boot_hold = 10s;
          out.witness = true;
          return out;
        }()) {
    (void)fsm_.step(Startup{}, kStart);
    (void)fsm_.step(LinkUp{}, kStart);
    EXPECT_EQ(fsm_.role(), Role::initialize);
    EXPECT_EQ(fsm_.reason(), "boot_hold: listens for 10.0 s before it takes part");
  }
  Fsm fsm_;
};

TEST_F(BootHoldEnds, by_the_peer_on_the_lan) {
  (void)fsm_.step(heard(150), kStart + 1s);
  EXPECT_EQ(fsm_.role(), Role::backup);
}
TEST_F(BootHoldEnds, by_the_peer_on_the_pair_path) {
  (void)fsm_.step(word(Role::backup, kStart + 1s), kStart + 1s);
  EXPECT_EQ(fsm_.role(), Role::backup);
}
TEST_F(BootHoldEnds, by_the_witness) {
  (void)fsm_.step(WitnessAnswered{}, kStart + 1s);
  EXPECT_EQ(fsm_.role(), Role::backup);
}
TEST_F(BootHoldEnds, by_itself) {
  (void)fsm_.step(DeadlinePassed{}, kStart + 10s);
  EXPECT_EQ(fsm_.role(), Role::backup);
}

}  // namespace
}  // namespace hapair::vrrp
