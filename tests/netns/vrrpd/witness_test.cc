// A gateway as the witness: which of two nodes that lost sight of each other is the one that is cut
// off.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/vrrpd/two_nodes.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using vrrp::active_down_interval;

constexpr Duration kInterval = 50ms;
constexpr Duration kDown = active_down_interval(100, kInterval);
constexpr const char* kGateway = "10.0.0.10";  // the client's namespace plays it

class WitnessTest : public TwoNodes {
 protected:
  void with(const std::string& lines) {
    auto witnessed = PairLab::only_vrrpd(kInterval);
    witnessed.vrrp = lines;
    start(witnessed);
  }
  void with_gateway() { with(fmt::format("witness = {}\nwitness_interval = 100ms\n", kGateway)); }
  void gateway(bool works) { lab_->lan().set_forwarding(lab_->client(), "eth0", works); }
};

TEST_F(WitnessTest, an_active_whose_lan_port_is_silent_steps_down_and_the_peer_takes_over) {
  with_gateway();
  const TimePoint lost = Clock::now();
  lan("lb1", false);
  ASSERT_TRUE(lab_->wait_active("lb2", 5s));
  RecordProperty("took_ms", static_cast<int>((Clock::now() - lost) / 1ms));
  EXPECT_TRUE(vrrpd("lb1").wait_for_output(
      "Active -> Initialize (the witness 10.0.0.10 does not answer)", 1s));
  lan("lb1", true);
  EXPECT_TRUE(eventually(
      5s, [&] { return status("lb1").routers(0).router().state() == role::STATE_BACKUP; },
      "lb1 is Backup"));
  EXPECT_TRUE(holds_for(
      2 * kDown, [&] { return lab_->active_node() == "lb2"; }, "lb2 keeps the VIP"));
}

TEST_F(WitnessTest, a_backup_that_is_cut_off_from_everything_stays_backup) {
  with_gateway();
  pair_link(false);
  lan("lb2", false);
  EXPECT_TRUE(vrrpd("lb2").wait_for_output(
      "stays Backup (LAN and pair path silent, and so is the witness)", 5s));
  EXPECT_TRUE(holds_for(
      3 * kDown, [&] { return lab_->active_node() == "lb1"; }, "lb1 alone has the VIP"));
  lan("lb2", true);
  EXPECT_TRUE(holds_for(
      3 * kDown, [&] { return lab_->active_node() == "lb1"; }, "lb1 alone has the VIP"));
}

TEST_F(WitnessTest, an_active_that_is_cut_off_from_everything_steps_down) {
  with_gateway();
  pair_link(false);
  lan("lb1", false);
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("Backup -> Active (peer 10.0.0.1 silent for", 1s));
}

TEST_F(WitnessTest, its_answer_does_not_postpone_the_takeover_of_a_dead_node) {
  with_gateway();
  const TimePoint lost = Clock::now();
  lab_->lose_node("lb1", PairLab::How::silent);
  ASSERT_TRUE(eventually(
      5s, [&] { return has_vip("lb2"); }, "lb2 takes over"));
  RecordProperty("took_ms", static_cast<int>((Clock::now() - lost) / 1ms));
  EXPECT_THAT(vrrpd("lb2").err(), Not(HasSubstr("stays Backup (LAN")));
}

TEST_F(WitnessTest, lost_on_both_sides_it_changes_nothing) {
  with_gateway();
  gateway(false);
  EXPECT_TRUE(holds_for(
      1s, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
  EXPECT_THAT(vrrpd("lb1").err(), Not(HasSubstr("Active -> Initialize")));
  gateway(true);
  EXPECT_TRUE(holds_for(
      2 * kDown, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
}

/// The client's namespace has nothing at that port: a refused connection is an answer.
TEST_F(WitnessTest, a_tcp_port_can_be_the_witness) {
  with(fmt::format("witness = tcp {}:9\nwitness_interval = 100ms\n", kGateway));
  lan("lb1", false);
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
  EXPECT_TRUE(vrrpd("lb1").wait_for_output("the witness tcp 10.0.0.10:9 does not answer", 1s));
}

class BootHold : public TwoNodes {
 protected:
  void SetUp() override {
    TwoNodes::SetUp();
    if (IsSkipped() || HasFailure()) return;
    auto holding = PairLab::only_vrrpd(kInterval);
    holding.boot_hold = 5min;
    holding.vrrp = vrrp_;
    lab_.emplace(holding);
  }
  std::string vrrp_;
};

TEST_F(BootHold, says_why_it_waits_and_ends_with_the_peer_on_the_pair_path) {
  lan("lb1", false);
  lab_->start_vrrpd("lb1");
  ASSERT_TRUE(vrrpd("lb1").wait_for_output("boot_hold: listens for 300.0 s", 5s));
  lab_->start_vrrpd("lb2");
  EXPECT_TRUE(vrrpd("lb1").wait_for_output("Initialize -> Backup", 5s));
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("Initialize -> Backup", 5s));
}

class BootHoldWithWitness : public BootHold {
 protected:
  BootHoldWithWitness() { vrrp_ = fmt::format("witness = {}\n", kGateway); }
};

TEST_F(BootHoldWithWitness, ends_with_its_answer) {
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(lab_->wait_active("lb1", 5s));
}

}  // namespace
}  // namespace hapair::test
