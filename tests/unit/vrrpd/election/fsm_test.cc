// RFC 9568 section 6.4, every state with every event: what goes in, which actions come out in which
// order.
#include "vrrpd/election/fsm.h"

#include <initializer_list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {

// How gtest shows an action that was not expected.
void PrintTo(const SendAdvertisement& send, std::ostream* out) {
  *out << +send.priority;
}
void PrintTo(const ArmDeadline& arm, std::ostream* out) {
  *out << std::chrono::duration<double, std::milli>(arm.at.time_since_epoch()).count() << " ms";
}
void PrintTo(const Notify& notify, std::ostream* out) {
  *out << name(notify.from) << " -> " << name(notify.to) << " (" << notify.reason << ')';
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{100s};
const IpAddress kOwn = IpAddress::parse("10.0.0.2").value();
const IpAddress kLower = IpAddress::parse("10.0.0.1").value();
const IpAddress kGreater = IpAddress::parse("10.0.0.3").value();
const Duration kDown = active_down_interval(100, 10ms);

Parameters params(uint8_t priority = 100) {
  return {.priority = priority, .interval = 10ms, .own_address = kOwn};
}

Fsm initialize(const Parameters& parameters = params()) {
  Fsm fsm(parameters);
  (void)fsm.step(Startup{}, kStart);
  return fsm;
}
/// Began to listen at kStart.
Fsm backup(const Parameters& parameters = params()) {
  Fsm fsm = initialize(parameters);
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_EQ(fsm.role(), Role::backup);
  return fsm;
}
/// Became Active at kStart + kDown (of its own priority).
TimePoint active_since(const Parameters& parameters = params()) {
  return kStart + active_down_interval(parameters.priority, parameters.interval);
}
Fsm active(const Parameters& parameters = params()) {
  Fsm fsm = backup(parameters);
  (void)fsm.step(DeadlinePassed{}, active_since(parameters));
  EXPECT_EQ(fsm.role(), Role::active);
  return fsm;
}

Action arm(TimePoint at) {
  return ArmDeadline{at};
}
Action send(uint8_t priority) {
  return SendAdvertisement{priority};
}
/// To the router that won.
const Action kYield = SendAdvertisement{.priority = 0, .to_winner = true};
const Action kAdd = AddAddresses{};
const Action kRemove = RemoveAddresses{};
const Action kAnnounce = Announce{};
const Action kDisarm = DisarmDeadline{};
Action notify(Role from, Role to, std::string reason) {
  return Notify{.from = from, .to = to, .reason = std::move(reason)};
}
Heard heard(uint8_t priority, IpAddress sender = kLower, Duration interval = 10ms) {
  return {.sender = sender, .priority = priority, .interval = interval};
}

// --- Initialize ----------------------------------------------------------------------------------

TEST(Initialize, startup_waits_for_the_link) {
  Fsm fsm(params());
  EXPECT_THAT(
      fsm.step(Startup{}, kStart),
      ElementsAre(notify(Role::initialize, Role::initialize, "the link's state is not known yet")));
  EXPECT_EQ(fsm.deadline(), std::nullopt);
}

TEST(Initialize, a_link_before_startup_changes_nothing) {
  Fsm fsm(params());
  EXPECT_THAT(fsm.step(LinkUp{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(Startup{}, kStart),
              ElementsAre(arm(kStart + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(Initialize, link_up_listens_for_one_down_interval) {  // 6.4.1
  Fsm fsm = initialize();
  EXPECT_THAT(fsm.step(LinkUp{}, kStart),
              ElementsAre(arm(kStart + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
  EXPECT_EQ(fsm.since(), kStart);
}

TEST(Initialize, the_owner_is_active_at_once) {  // 6.4.1
  Fsm fsm = initialize(params(255));
  EXPECT_THAT(fsm.step(LinkUp{}, kStart),
              ElementsAre(send(255), kAdd, kAnnounce, arm(kStart + 10ms),
                          notify(Role::initialize, Role::active, "owner of the addresses")));
}

TEST(Initialize, says_which_trouble_remains) {
  Fsm fsm = initialize();
  EXPECT_THAT(fsm.step(LinkDown{"eth0 has no carrier"}, kStart),
              ElementsAre(notify(Role::initialize, Role::initialize, "eth0 has no carrier")));
  EXPECT_THAT(fsm.step(ServingLost{"lbcore is not serving: it is not running"}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(LinkUp{}, kStart),
              ElementsAre(notify(Role::initialize, Role::initialize,
                                 "lbcore is not serving: it is not running")));
  EXPECT_THAT(fsm.step(ServingRegained{}, kStart),
              ElementsAre(arm(kStart + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(Initialize, shutdown_is_explained_and_startup_begins_anew) {
  Fsm fsm = initialize();
  EXPECT_THAT(fsm.step(Shutdown{"stopped"}, kStart),
              ElementsAre(kDisarm, notify(Role::initialize, Role::initialize, "stopped")));
  EXPECT_THAT(fsm.step(LinkUp{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(Startup{}, kStart),
              ElementsAre(arm(kStart + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(Initialize, an_advertisement_is_remembered_and_moves_nothing) {
  Fsm fsm = initialize();
  EXPECT_THAT(fsm.step(heard(200), kStart), IsEmpty());
  EXPECT_EQ(fsm.last_heard()->priority, 200);
  EXPECT_THAT(fsm.step(heard(0), kStart), IsEmpty());
}

TEST(Initialize, the_other_events_do_nothing) {
  Fsm fsm = initialize();
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 1h), IsEmpty());
  EXPECT_THAT(fsm.step(SyncChanged{true}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(AddressLost{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(ActionFailed{"a send that came back late"}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(Reconfigured{params(200)}, kStart), IsEmpty());
  EXPECT_EQ(fsm.parameters().priority, 200);
}

// --- Initialize during boot_hold -----------------------------------------------------------------

Parameters holding(uint8_t priority = 100) {
  Parameters out = params(priority);
  out.boot_hold = 10s;
  return out;
}

TEST(BootHold, waits_after_carrier_and_then_listens) {
  Fsm fsm = initialize(holding());
  EXPECT_THAT(
      fsm.step(LinkUp{}, kStart),
      ElementsAre(arm(kStart + 10s), notify(Role::initialize, Role::initialize,
                                            "boot_hold: listens for 10.0 s before it takes part")));
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 9s), IsEmpty());
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 10s),
              ElementsAre(arm(kStart + 10s + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(BootHold, ends_when_another_router_is_heard) {
  Fsm fsm = initialize(holding());
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_THAT(fsm.step(heard(200, kLower, 20ms), kStart + 1s),
              ElementsAre(arm(kStart + 1s + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active"),
                          arm(kStart + 1s + active_down_interval(100, 20ms))));
}

TEST(BootHold, ends_when_another_router_resigns) {
  Fsm fsm = initialize(holding());
  (void)fsm.step(LinkUp{}, kStart);
  (void)fsm.step(heard(0), kStart + 1s);
  EXPECT_EQ(fsm.role(), Role::backup);
  EXPECT_EQ(fsm.deadline(), kStart + 1s + skew_time(100, 10ms));
}

TEST(BootHold, never_holds_the_owner) {  // 6.4.1
  Fsm fsm = initialize(holding(255));
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(BootHold, starts_anew_with_the_carrier) {
  Fsm fsm = initialize(holding());
  (void)fsm.step(LinkUp{}, kStart);
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, kStart + 9s);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + 10s), IsEmpty());
  (void)fsm.step(LinkUp{}, kStart + 20s);
  EXPECT_EQ(fsm.deadline(), kStart + 30s);
}

TEST(Active, of_ipv6_compares_link_local_addresses_as_unsigned_numbers) {  // 6.4.3
  const auto six = [](std::string_view text) { return IpAddress::parse(text).value(); };
  Parameters parameters = params();
  parameters.own_address = six("fe80::7fff");
  Fsm loser = active(parameters);
  (void)loser.step(heard(100, six("fe80::8000")), active_since() + 5ms);
  EXPECT_EQ(loser.role(), Role::backup);
  Fsm winner = active(parameters);
  (void)winner.step(heard(100, six("fe80::7ffe")), active_since() + 5ms);
  EXPECT_EQ(winner.role(), Role::active);
}

// --- Backup --------------------------------------------------------------------------------------

TEST(Backup, takes_over_when_nobody_was_ever_heard) {  // 6.4.2
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + kDown),
              ElementsAre(send(100), kAdd, kAnnounce, arm(kStart + kDown + 10ms),
                          notify(Role::backup, Role::active, "heard nobody for 36 ms")));
}

TEST(Backup, takes_over_from_a_silent_peer) {  // 6.4.2
  Fsm fsm = backup();
  const TimePoint last = kStart + 20ms;
  (void)fsm.step(heard(200), last);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, last + kDown),
              ElementsAre(send(100), kAdd, kAnnounce, arm(last + kDown + 10ms),
                          notify(Role::backup, Role::active, "peer 10.0.0.1 silent for 36 ms")));
}

TEST(Backup, a_deadline_that_was_moved_meanwhile_is_not_one) {
  Fsm fsm = backup();
  (void)fsm.step(heard(200), kStart + 20ms);
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + kDown), IsEmpty());
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(Backup, priority_zero_shortens_the_wait_to_skew_time) {  // 6.4.2
  Fsm fsm = backup();
  (void)fsm.step(heard(200), kStart + 10ms);
  const TimePoint resigned = kStart + 12ms;
  EXPECT_THAT(fsm.step(heard(0), resigned), ElementsAre(arm(resigned + skew_time(100, 10ms))));
  EXPECT_THAT(fsm.step(DeadlinePassed{}, resigned + skew_time(100, 10ms)),
              testing::Contains(notify(Role::backup, Role::active, "peer 10.0.0.1 resigned")));
}

TEST(Backup, priority_zero_said_again_does_not_postpone_the_takeover) {
  Fsm fsm = backup();
  (void)fsm.step(heard(0), kStart + 10ms);
  EXPECT_THAT(fsm.step(heard(0), kStart + 14ms), IsEmpty());
  EXPECT_EQ(fsm.deadline(), kStart + 10ms + skew_time(100, 10ms));
  // An advertisement in between ends it, and the next resign counts again.
  (void)fsm.step(heard(200), kStart + 15ms);
  EXPECT_THAT(fsm.step(heard(0), kStart + 16ms),
              ElementsAre(arm(kStart + 16ms + skew_time(100, 10ms))));
}

TEST(Backup, priority_zero_counts_from_the_actives_interval) {
  Fsm fsm = backup();
  (void)fsm.step(heard(200, kLower, 1s), kStart + 10ms);
  EXPECT_THAT(fsm.step(heard(0), kStart + 20ms),
              ElementsAre(arm(kStart + 20ms + skew_time(100, 1s))));
}

TEST(Backup, of_version_2_skews_by_a_share_of_a_second) {  // RFC 3768 section 6.1
  Parameters two = params();
  two.version = 2;
  two.interval = 5s;
  Fsm fsm = backup(two);
  EXPECT_EQ(fsm.down_interval(), 15s + 609375us);
  EXPECT_EQ(fsm.deadline(), kStart + 15s + 609375us);
  EXPECT_THAT(fsm.step(heard(200, kLower, 5s), kStart + 1s),
              ElementsAre(arm(kStart + 16s + 609375us)));
  EXPECT_THAT(fsm.step(heard(0, kLower, 5s), kStart + 2s),
              ElementsAre(arm(kStart + 2s + 609375us)));
}

TEST(Backup, without_preemption_any_priority_rearms) {  // 6.4.2
  for (const uint8_t priority : {1, 99, 100, 101, 255}) {
    Fsm fsm = backup();
    EXPECT_THAT(fsm.step(heard(priority), kStart + 5ms), ElementsAre(arm(kStart + 5ms + kDown)))
        << +priority;
  }
}

TEST(Backup, adopts_the_actives_interval) {  // 6.4.2
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(heard(200, kLower, 1s), kStart + 5ms),
              ElementsAre(arm(kStart + 5ms + active_down_interval(100, 1s))));
  EXPECT_EQ(fsm.down_interval(), active_down_interval(100, 1s));
}

TEST(Backup, never_compares_addresses) {
  Parameters preempting = params();
  preempting.preempt = true;
  Fsm fsm = backup(preempting);
  EXPECT_THAT(fsm.step(heard(100, kLower), kStart + 5ms), ElementsAre(arm(kStart + 5ms + kDown)));
}

TEST(Backup, with_preemption_a_lower_priority_is_discarded_and_the_deadline_stays) {  // 6.4.2
  Parameters preempting = params();
  preempting.preempt = true;
  Fsm fsm = backup(preempting);
  EXPECT_THAT(fsm.step(heard(99), kStart + 30ms), IsEmpty());
  EXPECT_THAT(fsm.step(DeadlinePassed{}, kStart + kDown),
              testing::Contains(notify(Role::backup, Role::active,
                                       "preempts peer 10.0.0.1: its priority 99 against our 100")));
}

TEST(Backup, preemption_waits_for_the_tables_but_not_for_ever) {
  Parameters waiting = params();
  waiting.preempt = true;
  waiting.sync_wait = 30s;
  Fsm fsm = initialize(waiting);
  (void)fsm.step(SyncChanged{false}, kStart);
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_THAT(fsm.step(heard(50), kStart + 5ms),
              ElementsAre(notify(Role::backup, Role::backup,
                                 "waits for the tables, at most 30.0 s, before it preempts "
                                 "10.0.0.1"),
                          arm(kStart + 5ms + kDown)));
  EXPECT_THAT(fsm.step(heard(50), kStart + 30s - 1ms),
              ElementsAre(arm(kStart + 30s - 1ms + kDown)));
  EXPECT_THAT(fsm.step(heard(50), kStart + 30s), IsEmpty());  // waited long enough
}

TEST(Backup, preemption_goes_ahead_when_the_tables_are_in_sync) {
  Parameters waiting = params();
  waiting.preempt = true;
  waiting.sync_wait = 30s;
  Fsm fsm = initialize(waiting);
  (void)fsm.step(SyncChanged{false}, kStart);
  (void)fsm.step(LinkUp{}, kStart);
  EXPECT_THAT(fsm.step(SyncChanged{true}, kStart + 1s), IsEmpty());
  EXPECT_THAT(fsm.step(heard(50), kStart + 1s), IsEmpty());
}

TEST(Backup, the_owner_preempts_whatever_the_setting) {
  Fsm fsm = backup();
  (void)fsm.step(Reconfigured{params(255)}, kStart);
  EXPECT_THAT(fsm.step(heard(254), kStart + 5ms), IsEmpty());
}

TEST(Backup, asleep_for_longer_than_the_down_interval_it_listens_once_more) {
  Fsm fsm = backup();
  (void)fsm.step(heard(200), kStart);
  const TimePoint woke = kStart + 5s;
  EXPECT_THAT(fsm.step(DeadlinePassed{}, woke), ElementsAre(arm(woke + kDown)));
  EXPECT_THAT(fsm.step(DeadlinePassed{}, woke + kDown), testing::Contains(kAdd));
}

TEST(Backup, link_down_waits_in_initialize) {
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(LinkDown{"eth0 has no carrier"}, kStart),
              ElementsAre(kDisarm, notify(Role::backup, Role::initialize, "eth0 has no carrier")));
}

TEST(Backup, lbcore_that_stops_serving_takes_the_node_out) {
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(ServingLost{"lbcore is not serving: it does not answer"}, kStart),
              ElementsAre(kDisarm, notify(Role::backup, Role::initialize,
                                          "lbcore is not serving: it does not answer")));
}

TEST(Backup, shutdown_is_silent) {  // 6.4.2
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(Shutdown{"stopped"}, kStart),
              ElementsAre(kDisarm, notify(Role::backup, Role::initialize, "stopped")));
}

TEST(Backup, a_failure_leads_to_a_pause_in_initialize) {
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(ActionFailed{"no buffer space"}, kStart),
              ElementsAre(kDisarm, arm(kStart + 1s),
                          notify(Role::backup, Role::initialize, "no buffer space")));
}

TEST(Backup, the_other_events_do_nothing) {
  Fsm fsm = backup();
  EXPECT_THAT(fsm.step(Startup{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(LinkUp{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(ServingRegained{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(SyncChanged{false}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(AddressLost{}, kStart), IsEmpty());
  EXPECT_THAT(fsm.step(Reconfigured{params(150)}, kStart), IsEmpty());
  EXPECT_EQ(fsm.role(), Role::backup);
}

// --- Active --------------------------------------------------------------------------------------

TEST(Active, advertises_at_a_steady_cadence) {  // 6.4.3
  Fsm fsm = active();
  const TimePoint first = active_since() + 10ms;
  EXPECT_THAT(fsm.step(DeadlinePassed{}, first + 300us), ElementsAre(send(100), arm(first + 10ms)));
  EXPECT_THAT(fsm.step(DeadlinePassed{}, first + 10ms), ElementsAre(send(100), arm(first + 20ms)));
}

TEST(Active, more_than_an_interval_late_the_cadence_begins_anew) {
  Fsm fsm = active();
  const TimePoint late = active_since() + 25ms;
  EXPECT_THAT(fsm.step(DeadlinePassed{}, late), ElementsAre(send(100), arm(late + 10ms)));
}

TEST(Active, a_higher_priority_takes_over_and_its_interval_counts) {  // 6.4.3
  Fsm fsm = active();
  const TimePoint at = active_since() + 5ms;
  EXPECT_THAT(
      fsm.step(heard(101, kLower, 1s), at),
      ElementsAre(kRemove, kYield, arm(at + active_down_interval(100, 1s)),
                  notify(Role::active, Role::backup, "10.0.0.1 has priority 101 against our 100")));
}

TEST(Active, equal_priority_and_a_greater_address_takes_over) {  // 6.4.3
  Fsm fsm = active();
  const TimePoint at = active_since() + 5ms;
  EXPECT_THAT(fsm.step(heard(100, kGreater), at),
              ElementsAre(kRemove, kYield, arm(at + kDown),
                          notify(Role::active, Role::backup,
                                 "10.0.0.3 has the same priority 100 and the greater address")));
}

TEST(Active, addresses_compare_unsigned_in_network_order) {
  Parameters own = params();
  own.own_address = IpAddress::parse("10.0.1.1").value();
  Fsm fsm = active(own);
  (void)fsm.step(heard(100, IpAddress::parse("10.0.0.255").value()), active_since() + 2ms);
  EXPECT_EQ(fsm.role(), Role::active);
  (void)fsm.step(heard(100, IpAddress::parse("200.0.0.1").value()), active_since() + 4ms);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(Active, ignores_the_preempt_setting) {
  Parameters preempting = params();
  preempting.preempt = true;
  Fsm fsm = active(preempting);
  (void)fsm.step(heard(101), active_since() + 5ms);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(Active, answers_a_losing_advertisement_at_once) {  // 6.4.3, new in RFC 9568
  for (const Heard& loser : {heard(99, kGreater), heard(100, kLower)}) {
    Fsm fsm = active();
    const TimePoint at = active_since() + 5ms;
    EXPECT_THAT(fsm.step(loser, at), ElementsAre(send(100), kAnnounce));
    EXPECT_EQ(fsm.deadline(), active_since() + 10ms);  // the Adver_Timer runs on
  }
}

TEST(Active, does_not_answer_a_flood_one_by_one) {
  Fsm fsm = active();
  const TimePoint at = active_since() + 5ms;
  EXPECT_THAT(fsm.step(heard(99), at), ElementsAre(send(100), kAnnounce));
  EXPECT_THAT(fsm.step(heard(99), at + 100us), IsEmpty());
  EXPECT_THAT(fsm.step(heard(99), at + 1ms), ElementsAre(send(100)));
}

TEST(Active, evidence_of_a_second_active_announces_again) {
  Fsm fsm = active();
  const TimePoint at = active_since() + 1s;
  for (TimePoint t = active_since() + 10ms; t <= at; t += 10ms) (void)fsm.step(DeadlinePassed{}, t);
  EXPECT_THAT(fsm.step(heard(99), at + 2ms), ElementsAre(send(100), kAnnounce));
}

TEST(Active, evidence_that_goes_on_is_announced_ever_more_rarely) {
  Fsm fsm = active();
  std::vector<int> announced_ms;
  for (int ms = 5; ms < 4000; ms += 10) {
    for (const Event& event : {Event(heard(99)), Event(DeadlinePassed{})}) {
      const TimePoint now =
          active_since() + ms * 1ms + (std::holds_alternative<DeadlinePassed>(event) ? 5ms : 0ms);
      const Actions actions = fsm.step(event, now);
      if (std::find(actions.begin(), actions.end(), kAnnounce) == actions.end()) continue;
      announced_ms.push_back(static_cast<int>((now - active_since()) / 1ms));
    }
  }
  // At once, then after 10, 20, 40, ... and from then on once a second: no storm, however long it
  // lasts.
  ASSERT_EQ(announced_ms.front(), 5);
  EXPECT_LE(announced_ms.size(), 12U);
  EXPECT_GE(announced_ms[announced_ms.size() - 1] - announced_ms[announced_ms.size() - 2], 1000);
}

TEST(Active, a_resign_is_announced_at_once_whatever_was_announced_before) {
  Fsm fsm = active();
  const TimePoint at = active_since() + 5ms;
  EXPECT_THAT(fsm.step(heard(99), at), ElementsAre(send(100), kAnnounce));
  EXPECT_THAT(fsm.step(heard(0), at + 3ms), ElementsAre(send(100), kAnnounce, arm(at + 13ms)));
  // A flood of them is not: two milliseconds later, with the next advertisement.
  EXPECT_THAT(fsm.step(heard(0), at + 4ms), ElementsAre(send(100), arm(at + 5ms)));
  EXPECT_THAT(fsm.step(DeadlinePassed{}, at + 5ms),
              ElementsAre(send(100), arm(at + 15ms), kAnnounce));
}

TEST(Active, announces_without_a_reason_as_often_as_it_is_told) {
  Parameters parameters = active().parameters();
  parameters.announce_refresh = 50ms;
  Fsm fsm = active();
  (void)fsm.step(Reconfigured{parameters}, active_since());
  int announced = 0;
  for (TimePoint at = active_since() + 10ms; at <= active_since() + 200ms; at += 10ms) {
    const Actions actions = fsm.step(DeadlinePassed{}, at);
    announced += static_cast<int>(std::count(actions.begin(), actions.end(), kAnnounce));
  }
  EXPECT_EQ(announced, 4);
}

TEST(Active, priority_zero_is_answered_and_the_timer_starts_anew) {  // 6.4.3
  Fsm fsm = active();
  const TimePoint at = active_since() + 5ms;
  EXPECT_THAT(fsm.step(heard(0), at), ElementsAre(send(100), kAnnounce, arm(at + 10ms)));
}

TEST(Active, asleep_beyond_the_down_interval_it_listens_before_it_speaks) {
  Fsm fsm = active();
  const TimePoint woke = active_since() + 3s;
  EXPECT_THAT(fsm.step(DeadlinePassed{}, woke),
              ElementsAre(arm(woke + 10ms), notify(Role::active, Role::active,
                                                   "slept for 3.0 s: listens before it speaks")));
  // Meanwhile it claims nothing.
  EXPECT_THAT(fsm.step(AddressLost{}, woke + 1ms), IsEmpty());
  // Nobody spoke: it goes on, and announces, for somebody may have been Active in between.
  EXPECT_THAT(fsm.step(DeadlinePassed{}, woke + 10ms),
              ElementsAre(kAdd, send(100), arm(woke + 20ms), kAnnounce));
}

TEST(Active, who_slept_leaves_the_role_to_the_one_who_took_it) {
  Fsm fsm = active();
  const TimePoint woke = active_since() + 3s;
  (void)fsm.step(DeadlinePassed{}, woke);
  EXPECT_THAT(
      fsm.step(heard(50), woke + 4ms),
      ElementsAre(kRemove, kYield, arm(woke + 4ms + kDown),
                  notify(Role::active, Role::backup, "slept; 10.0.0.1 took over meanwhile")));
}

TEST(Active, who_slept_and_is_woken_by_the_other_ones_advertisement_leaves_at_once) {
  Fsm fsm = active();
  const TimePoint woke = active_since() + 3s;
  (void)fsm.step(heard(50), woke);
  EXPECT_EQ(fsm.role(), Role::backup);
}

TEST(Active, who_slept_and_may_preempt_stays) {
  Parameters preempting = params();
  preempting.preempt = true;
  Fsm fsm = active(preempting);
  const TimePoint woke = active_since() + 3s;
  (void)fsm.step(DeadlinePassed{}, woke);
  EXPECT_THAT(fsm.step(heard(50), woke + 4ms), ElementsAre(kAnnounce));
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Active, shutdown_releases_then_resigns) {  // 6.4.3
  Fsm fsm = active();
  EXPECT_THAT(
      fsm.step(Shutdown{"stopped"}, active_since() + 1ms),
      ElementsAre(kRemove, send(0), kDisarm, notify(Role::active, Role::initialize, "stopped")));
}

TEST(Active, link_down_releases_and_resigns) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(LinkDown{"eth0 has no carrier"}, active_since() + 1ms),
              ElementsAre(kRemove, send(0), kDisarm,
                          notify(Role::active, Role::initialize, "eth0 has no carrier")));
}

TEST(Active, lbcore_that_stops_serving_moves_the_vip) {
  Fsm fsm = active();
  EXPECT_THAT(
      fsm.step(ServingLost{"lbcore is not serving: worker 1 hangs"}, active_since() + 1ms),
      ElementsAre(kRemove, send(0), kDisarm,
                  notify(Role::active, Role::initialize, "lbcore is not serving: worker 1 hangs")));
}

TEST(Active, a_failed_action_steps_down_and_tries_again_later) {
  Fsm fsm = active();
  const TimePoint at = active_since() + 1ms;
  EXPECT_THAT(fsm.step(ActionFailed{"add 10.0.0.100/32 to eth0: Operation not permitted"}, at),
              ElementsAre(kRemove, send(0), kDisarm, arm(at + 1s),
                          notify(Role::active, Role::initialize,
                                 "add 10.0.0.100/32 to eth0: Operation not permitted")));
  // Hearing the other one does not shorten this pause: the failure may still be there.
  EXPECT_THAT(fsm.step(heard(50), at + 10ms), IsEmpty());
  EXPECT_THAT(fsm.step(DeadlinePassed{}, at + 1s),
              ElementsAre(arm(at + 1s + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

TEST(Active, a_removed_address_comes_back_and_is_announced) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(AddressLost{}, active_since() + 1ms), ElementsAre(kAdd, kAnnounce));
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Active, a_shorter_interval_counts_at_once) {
  Parameters slow = params();
  slow.interval = 10s;
  Fsm fsm = active(slow);
  const TimePoint at = active_since(slow) + 1s;
  EXPECT_THAT(fsm.step(Reconfigured{params()}, at), ElementsAre(arm(at + 10ms)));
}

TEST(Active, a_new_priority_shows_in_the_next_advertisement) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(Reconfigured{params(42)}, active_since()), IsEmpty());
  EXPECT_THAT(fsm.step(DeadlinePassed{}, active_since() + 10ms),
              ElementsAre(send(42), arm(active_since() + 20ms)));
}

TEST(Active, the_other_events_do_nothing) {
  Fsm fsm = active();
  EXPECT_THAT(fsm.step(Startup{}, active_since()), IsEmpty());
  EXPECT_THAT(fsm.step(LinkUp{}, active_since()), IsEmpty());
  EXPECT_THAT(fsm.step(ServingRegained{}, active_since()), IsEmpty());
  EXPECT_THAT(fsm.step(SyncChanged{false}, active_since()), IsEmpty());
  EXPECT_EQ(fsm.role(), Role::active);
}

TEST(Active, back_from_initialize_the_link_alone_does_not_make_it_active) {
  Fsm fsm = active();
  (void)fsm.step(LinkDown{"eth0 has no carrier"}, active_since() + 1ms);
  const TimePoint back = active_since() + 1s;
  EXPECT_THAT(fsm.step(LinkUp{}, back),
              ElementsAre(arm(back + kDown),
                          notify(Role::initialize, Role::backup, "listens for an Active")));
}

}  // namespace
}  // namespace hapair::vrrp
