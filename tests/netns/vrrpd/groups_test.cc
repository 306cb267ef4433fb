// A group of two routers, outside (eth0) and inside (eth1), on two nodes: always together.
#include <csignal>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr const char* kInside = "10.0.1.100";

class Groups : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{
        .advert_interval = 100ms,
        .servers = 0,
        .boot_hold = 0ms,
        .with_lbcore = false,
        .with_servers = false,
        .vrrp = "group = web\n",
        .more = fmt::format("\n[vrrp inside]\ninterface = eth1\nvrid = 52\npriority@lb1 = 150\n"
                            "priority@lb2 = 100\nadvert_interval = 100ms\naddresses = {}/24\n"
                            "boot_hold = 0s\ngroup = web\n",
                            kInside)});
    lab_->start("lb1");
    ASSERT_TRUE(both_on("lb1", 5s));
    lab_->start("lb2");
    ASSERT_TRUE(vrrpd("lb2").wait_for_output("vrrp inside: Initialize -> Backup", 5s));
    ASSERT_TRUE(vrrpd("lb2").wait_for_output("vrrp main: Initialize -> Backup", 5s));
  }

  [[nodiscard]] Process& vrrpd(std::string_view node) { return *lab_->node(node).vrrpd; }
  [[nodiscard]] std::string where() {
    std::string out;
    for (const char* node : {"lb1", "lb2"}) {
      const Namespace& inside = lab_->node(node).inside;
      if (inside.has_address(PairLab::kVip)) out += fmt::format("{} outside ", node);
      if (inside.has_address(kInside)) out += fmt::format("{} inside ", node);
    }
    return out;
  }
  [[nodiscard]] testing::AssertionResult both_on(const std::string& node, Duration within) {
    return eventually(
        within, [&] { return where() == fmt::format("{0} outside {0} inside ", node); },
        [&] { return where(); });
  }
  [[nodiscard]] testing::AssertionResult stays_on(const std::string& node) {
    return holds_for(
        1s, [&] { return where() == fmt::format("{0} outside {0} inside ", node); },
        [&] { return where(); });
  }

  std::optional<PairLab> lab_;
};

TEST_F(Groups, a_lost_carrier_inside_moves_both_and_says_so) {
  lab_->server_net().set_cable(lab_->node("lb1").inside, "eth1", false);
  EXPECT_TRUE(both_on("lb2", 5s));
  EXPECT_TRUE(vrrpd("lb1").wait_for_output(
      "vrrp main: Active -> Initialize (group web: inside: eth1 has no carrier)", 1s));
  EXPECT_TRUE(stays_on("lb2"));

  lab_->server_net().set_cable(lab_->node("lb1").inside, "eth1", true);
  EXPECT_TRUE(vrrpd("lb1").wait_for_output("vrrp main: Initialize -> Backup", 5s));
  EXPECT_TRUE(vrrpd("lb1").wait_for_output("vrrp inside: Initialize -> Backup", 5s));
  EXPECT_TRUE(stays_on("lb2"));
}

TEST_F(Groups, a_silent_partition_of_one_network_moves_nothing) {
  for (const char* cut : {"lb1", "lb2"}) {
    lab_->lan().set_forwarding(lab_->node(cut).inside, "eth0", false);
    EXPECT_TRUE(stays_on("lb1")) << cut;
    lab_->lan().set_forwarding(lab_->node(cut).inside, "eth0", true);
  }
  EXPECT_TRUE(vrrpd("lb2").wait_for_output("vrrp main: stays Backup (", 1s));
  EXPECT_TRUE(stays_on("lb1"));
}

TEST_F(Groups, a_lost_node_and_a_stopped_one_are_replaced_as_a_whole) {
  lab_->lose_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(eventually(
      5s, [&] { return where().ends_with("lb2 outside lb2 inside "); }, [&] { return where(); }));
  lab_->return_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(both_on("lb1", 5s)) << "the greater priority wins what both hold";
  EXPECT_EQ(vrrpd("lb1").terminate(3s).code, 0);
  EXPECT_TRUE(both_on("lb2", 5s));
}

TEST_F(Groups, a_reload_that_ends_the_group_parts_them_and_touches_nothing) {
  std::string text = lab_->config();
  for (size_t at = 0; (at = text.find("group = web\n")) != std::string::npos;) text.erase(at, 12);
  lab_->write_config(text);
  for (const char* node : {"lb1", "lb2"}) {
    vrrpd(node).signal(SIGHUP);
    ASSERT_TRUE(vrrpd(node).wait_for_output("config: reloaded", 2s));
  }
  EXPECT_TRUE(stays_on("lb1"));
  lab_->server_net().set_cable(lab_->node("lb1").inside, "eth1", false);
  EXPECT_TRUE(eventually(
      5s, [&] { return where() == "lb1 outside lb2 inside "; }, [&] { return where(); }));
}

}  // namespace
}  // namespace hapair::test
