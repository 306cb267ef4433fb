// Two vrrpd with a second heartbeat path: what happens when one of the two networks is lost, and
// what a stranger can do on them.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/vrrpd/two_nodes.h"
#include "tests/support/replay.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

using vrrp::active_down_interval;

constexpr Duration kInterval = 50ms;
constexpr Duration kDown = active_down_interval(100, kInterval);

class SecondPath : public TwoNodes {
 protected:
  void SetUp() override {
    TwoNodes::SetUp();
    if (IsSkipped() || HasFailure()) return;
    start(PairLab::only_vrrpd(kInterval));
  }
  [[nodiscard]] testing::AssertionResult lb1_alone_for(Duration how_long) {
    return holds_for(
        how_long, [&] { return lab_->active_node() == "lb1"; }, "lb1 alone has the VIP");
  }
};

TEST_F(SecondPath, a_backup_that_lost_its_lan_stays_backup_and_says_why) {
  lan("lb2", false);
  EXPECT_TRUE(vrrpd("lb2").wait_for_output(
      "stays Backup (LAN silent; peer lb1 is Active and well on the pair path)", 5s));
  EXPECT_TRUE(lb1_alone_for(5 * kDown));
  lan("lb2", true);
  EXPECT_TRUE(lb1_alone_for(2 * kDown));
}

TEST_F(SecondPath, advertisements_lost_both_ways_make_no_second_active) {
  for (const char* node : {"lb1", "lb2"}) {
    lab_->node(node).inside.nft(
        "table inet deaf {\n  chain in {\n    type filter hook input priority 0;\n"
        "    ip protocol 112 drop\n  }\n}\n");
  }
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("LAN silent; peer lb1 is Active and well", 5s));
  EXPECT_TRUE(lb1_alone_for(5 * kDown));
}

TEST_F(SecondPath, both_paths_silent_the_backup_takes_over_as_the_rfc_says) {
  const TimePoint lost = Clock::now();
  pair_link(false);
  lan("lb1", false);
  ASSERT_TRUE(eventually(
      5s, [&] { return has_vip("lb2"); }, "lb2 takes over"));
  RecordProperty("took_over_ms", static_cast<int>((Clock::now() - lost) / 1ms));
  EXPECT_THAT(vrrpd("lb2").err(), testing::HasSubstr("Backup -> Active (peer 10.0.0.1 silent for"));
}

TEST_F(SecondPath, two_actives_that_meet_on_the_pair_path_only_become_one) {
  pair_link(false);
  lan("lb2", false);
  ASSERT_TRUE(eventually(
      5s, [&] { return lab_->holders().size() == 2; }, "both are Active"));
  pair_link(true);
  EXPECT_TRUE(lab_->wait_active("lb1", 5s));
  EXPECT_TRUE(vrrpd("lb2").wait_for_output(
      "Active -> Backup (lb1 is Active too, says the pair path, and wins the election)", 1s));
  EXPECT_TRUE(lb1_alone_for(3 * kDown));
}

TEST_F(SecondPath, a_lost_pair_path_moves_nothing) {
  pair_link(false);
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("pair path: lb1 is silent", 5s));
  EXPECT_TRUE(lb1_alone_for(3 * kDown));
  pair_link(true);
  EXPECT_TRUE(eventually(
      5s, [&] { return status("lb2").pair().alive(); }, "lb1 is heard again"));
  EXPECT_TRUE(lb1_alone_for(kDown));
}

TEST_F(SecondPath, who_comes_back_while_the_lan_is_cut_joins_as_backup) {
  lan("lb2", false);
  vrrpd("lb2").signal(SIGTERM);
  ASSERT_TRUE(vrrpd("lb2").wait(5s).has_value());
  lab_->start_vrrpd("lb2");
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("LAN silent; peer lb1 is Active and well", 10s));
  EXPECT_TRUE(lb1_alone_for(2 * kDown));
}

TEST_F(SecondPath, a_replayed_datagram_is_refused_and_counted) {
  const Switch& link = lab_->pair_link();
  Replay replay(link.inside(), link.port(lab_->node("lb1").inside, "eth2"), Replay::Kind::udp);
  ASSERT_TRUE(eventually(
      5s, [&] { return replay.captured() >= 3; }, "datagrams of lb1"));
  replay.send(link.port(lab_->node("lb2").inside, "eth2"));
  EXPECT_TRUE(eventually(
      5s, [&] { return pair_refusals("lb2", "replayed") >= 1; }, "lb2 counts it"));
  EXPECT_TRUE(
      vrrpd("lb2").wait_for_output("pair path: refused a datagram from 10.255.0.1: replayed", 1s));
  EXPECT_TRUE(lb1_alone_for(kDown));
}

class SlowPair : public TwoNodes, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    TwoNodes::SetUp();
    if (IsSkipped() || HasFailure()) return;
    auto slow = PairLab::only_vrrpd(1s);
    slow.unicast = GetParam();
    start(slow);
  }
  /// Far below Skew_Time (609 ms) and the down interval (3.6 s), with room for a busy machine.
  [[nodiscard]] testing::AssertionResult lb2_has_it_since(TimePoint since) {
    auto over = eventually(
        10s, [&] { return has_vip("lb2"); }, "lb2 takes over");
    const Duration took = Clock::now() - since;
    RecordProperty("took_us", static_cast<int>(took / 1us));
    if (over && took > 300ms) {
      return testing::AssertionFailure() << "only after " << took / 1ms << " ms";
    }
    return over;
  }
};

INSTANTIATE_TEST_SUITE_P(Both, SlowPair, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "unicast" : "multicast"; });

TEST_P(SlowPair, a_graceful_stop_moves_the_vip_at_once) {
  const TimePoint stopped = Clock::now();
  vrrpd("lb1").signal(SIGTERM);
  EXPECT_TRUE(lb2_has_it_since(stopped));
  EXPECT_TRUE(
      vrrpd("lb2").wait_for_output("Backup -> Active (peer lb1 resigned on the pair path)", 5s));
}

TEST_P(SlowPair, a_lost_carrier_moves_the_vip_at_once) {
  const TimePoint lost = Clock::now();
  lab_->lan().set_cable(lab_->node("lb1").inside, "eth0", false);
  EXPECT_TRUE(lb2_has_it_since(lost));
}

TEST_P(SlowPair, a_killed_guardian_moves_the_vip_at_once) {
  const TimePoint killed = Clock::now();
  vrrpd("lb1").signal(SIGKILL);
  EXPECT_TRUE(lb2_has_it_since(killed));
}

/// Its guardian gives up on one that dies soon after another, and resigns with what it had
/// prepared: on the pair path that counts as soon as the two nodes have met in this speaker's life,
/// a round trip after its start.
TEST_P(SlowPair, a_speaker_that_dies_again_moves_the_vip_at_once) {
  const pid_t first = vrrpd("lb1").children().back();
  ::kill(first, SIGKILL);
  ASSERT_TRUE(eventually(
      5s, [&] { return status("lb1").pair().alive() && vrrpd("lb1").children().back() != first; },
      "the next speaker has met lb2"));
  const TimePoint died = Clock::now();
  ::kill(vrrpd("lb1").children().back(), SIGKILL);
  EXPECT_TRUE(lb2_has_it_since(died));
  EXPECT_TRUE(
      vrrpd("lb2").wait_for_output("Backup -> Active (peer lb1 resigned on the pair path)", 5s));
}

// --- Keys ----------------------------------------------------------------------------------------

class Keys : public TwoNodes {
 protected:
  void with_other_key_on_lb2() {
    write_file(dir_ / "other.key", std::string(64, 'a') + "\n", 0600);
    std::string text = lab_->config();
    text.insert(text.find("key_file"), fmt::format("key_file@lb2 = {}\n", dir_ / "other.key"));
    lab_->write_config(text);
  }
  TempDir dir_;
};

TEST_F(Keys, with_another_key_there_is_no_pair_path_and_the_lan_decides) {
  lab_.emplace(PairLab::only_vrrpd(kInterval));
  with_other_key_on_lb2();
  lab_->start("lb1");
  ASSERT_TRUE(lab_->wait_active("lb1", 10s));
  lab_->start("lb2");
  EXPECT_TRUE(vrrpd("lb2").wait_for_output(
      "pair path: refused a datagram from 10.255.0.1: authentication", 5s));
  EXPECT_TRUE(eventually(
      5s, [&] { return pair_refusals("lb1", "authentication") >= 1; }, "lb1 counts it"));
  EXPECT_FALSE(status("lb2").pair().alive());
  EXPECT_TRUE(holds_for(
      2 * kDown, [&] { return lab_->active_node() == "lb1"; }, "lb1 alone has the VIP"));
}

class Authenticated : public TwoNodes {
 protected:
  void SetUp() override {
    TwoNodes::SetUp();
    if (IsSkipped() || HasFailure()) return;
    auto unicast = PairLab::only_vrrpd(kInterval);
    unicast.unicast = true;
    lab_.emplace(unicast);
  }
};

TEST_F(Authenticated, a_replayed_advertisement_is_refused_and_counted) {
  start_both();
  const Switch& lan = lab_->lan();
  Replay replay(lan.inside(), lan.port(lab_->node("lb1").inside, "eth0"), Replay::Kind::vrrp);
  ASSERT_TRUE(eventually(
      5s, [&] { return replay.captured() >= 3; }, "advertisements of lb1"));
  replay.send(lan.port(lab_->node("lb2").inside, "eth0"));
  EXPECT_TRUE(eventually(
      5s, [&] { return refusals("lb2", "replayed") >= 1; }, "lb2 counts it"));
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("refused an advertisement from 10.0.0.1: replayed", 1s));
}

/// Nobody without the key can keep a Backup quiet for ever, nor demote an Active.
TEST_F(Authenticated, one_recorded_before_a_restart_is_refused_after_it) {
  start_both();
  const Switch& lan = lab_->lan();
  Replay replay(lan.inside(), lan.port(lab_->node("lb1").inside, "eth0"), Replay::Kind::vrrp);
  ASSERT_TRUE(eventually(
      5s, [&] { return replay.captured() >= 3; }, "advertisements of lb1"));
  replay.stop();
  vrrpd("lb1").signal(SIGTERM);
  ASSERT_TRUE(eventually(
      5s, [&] { return has_vip("lb2"); }, "lb2 takes over"));
  replay.send(lan.port(lab_->node("lb2").inside, "eth0"));
  EXPECT_TRUE(eventually(
      5s, [&] { return refusals("lb2", "replayed") >= 1; }, "lb2 counts it"));
  EXPECT_TRUE(holds_for(
      kDown, [&] { return lab_->active_node() == "lb2"; }, "lb2 alone has the VIP"));
}

TEST_F(Authenticated, one_without_a_seal_is_refused_and_counted) {
  std::string text = lab_->config();
  text.insert(text.find("interface = eth0"), "authentication@lb1 = no\n");
  lab_->write_config(text);
  start_both();
  EXPECT_TRUE(eventually(
      5s, [&] { return refusals("lb2", "authentication") >= 1; }, "lb2 counts it"));
  EXPECT_TRUE(
      vrrpd("lb2").wait_for_output("refused an advertisement from 10.0.0.1: authentication", 1s));
}

}  // namespace
}  // namespace hapair::test
