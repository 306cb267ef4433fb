// SIGHUP: what changed is applied, what stayed is not touched, and a file with a mistake changes
// nothing.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/vrrpd/one_node.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

class Reload : public OneNode {
 protected:
  void SetUp() override {
    OneNode::SetUp();
    if (IsSkipped() || HasFailure()) return;
    ASSERT_TRUE(becomes_active());
    ASSERT_TRUE(eventually(
        2s, [&] { return status().routers_size() == 1; }, "status"));
    udp_ = std::make_unique<UdpProber>(lab_->client(), PairLab::kVip);
    ASSERT_TRUE(eventually(
        2s, [&] { return udp_->log().answers(TimePoint{}) > 0; }, "answers"));
    since_ = Clock::now();
  }
  [[nodiscard]] testing::AssertionResult reloads() {
    vrrpd().signal(SIGHUP);
    return vrrpd().wait_for_output("config: reloaded", 2s);
  }
  void expect_undisturbed() {
    EXPECT_EQ(status().routers(0).transitions(), 2U);
    EXPECT_LE(udp_->log().longest_gap(since_), 20ms);
  }

  std::unique_ptr<UdpProber> udp_;
  TimePoint since_;
};

TEST_F(Reload, applies_priority_and_interval_without_touching_the_vip) {
  replace_in_config("priority@lb1 = 150", "priority@lb1 = 151");
  replace_in_config("advert_interval = 10ms", "advert_interval = 20ms");
  ASSERT_TRUE(reloads());
  EXPECT_EQ(status().routers(0).router().priority(), 151U);
  EXPECT_EQ(status().routers(0).advert_interval_us(), 20'000U);
  expect_undisturbed();
}

TEST_F(Reload, adds_and_removes_addresses_one_by_one) {
  replace_in_config("addresses = 10.0.0.100/24", "addresses = 10.0.0.100/24, 10.0.0.101/24");
  ASSERT_TRUE(reloads());
  EXPECT_TRUE(eventually(
      1s, [&] { return has("10.0.0.101"); }, "the new VIP"));
  replace_in_config("addresses = 10.0.0.100/24, 10.0.0.101/24", "addresses = 10.0.0.100/24");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(eventually(
      1s, [&] { return !has("10.0.0.101"); }, "the old VIP is gone"));
  expect_undisturbed();
}

TEST_F(Reload, changes_nothing_when_the_file_is_invalid) {
  replace_in_config("vrid = 51", "vrid = 51\nfoo = bar");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(vrrpd().wait_for_output("the new configuration is invalid, nothing was changed", 2s));
  EXPECT_TRUE(vrrpd().wait_for_output(lab_->config_path() + ":9: [vrrp main]: foo:", 5s));
  expect_undisturbed();
}

TEST_F(Reload, adds_and_removes_whole_routers) {
  const std::string before = lab_->config();
  lab_->write_config(before +
                     "\n[vrrp second]\ninterface = eth1\nvrid = 52\nadvert_interval = 10ms\n"
                     "addresses = 10.0.1.100/24\nboot_hold = 0\n");
  ASSERT_TRUE(reloads());
  EXPECT_TRUE(eventually(
      1s, [&] { return has("10.0.1.100"); }, "the second router's VIP"));
  lab_->write_config(before);
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(eventually(
      1s, [&] { return !has("10.0.1.100"); }, "it is gone"));
  expect_undisturbed();
}

TEST_F(Reload, a_new_vrid_is_a_new_router) {
  replace_in_config("vrid = 51", "vrid = 53");
  ASSERT_TRUE(reloads());
  EXPECT_TRUE(eventually(
      2s,
      [&] {
        const auto now = status();
        return now.routers_size() == 1 && now.routers(0).router().vrid() == 53 &&
               has(PairLab::kVip);
      },
      "Active with the new VRID"));
  EXPECT_TRUE(vrrpd().wait_for_output("(removed from the configuration)", 1s));
}

TEST_F(Reload, survives_the_speaker) {
  replace_in_config("priority@lb1 = 150", "priority@lb1 = 151");
  ASSERT_TRUE(reloads());
  ::kill(vrrpd().children().at(0), SIGKILL);
  EXPECT_TRUE(eventually(
      3s,
      [&] {
        const auto now = status();
        return now.routers_size() == 1 && now.routers(0).router().priority() == 151U &&
               has(PairLab::kVip);
      },
      "the next speaker has the reloaded priority"));
}

}  // namespace
}  // namespace hapair::test
