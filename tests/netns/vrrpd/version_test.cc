// VRRPv2 between two nodes of ours, and a reload from one version to the other.
#include <csignal>

#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/vrrpd_status.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

class Version : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.advert_interval = 1s,
                                  .servers = 0,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false,
                                  .vrrp = "version = 2\n"});
    lab_->start_vrrpd("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 10s));
    lab_->start_vrrpd("lb2");
    ASSERT_TRUE(eventually(
        10s, [&] { return router("lb2").received() > 0; }, "lb2 hears lb1"));
  }
  [[nodiscard]] control::VrrpRouter router(std::string_view node) {
    return vrrpd_router(lab_->node(node).run_dir, "main");
  }

  std::optional<PairLab> lab_;
};

TEST_F(Version, two_nodes_of_version_2_hand_over_by_resign) {
  EXPECT_TRUE(router("lb2").refused().empty());
  EXPECT_EQ(router("lb2").down_interval_us(), 3'609'375U);
  // On the pair path it would be heard sooner.
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", false);
  const TimePoint stopped = Clock::now();
  lab_->node("lb1").vrrpd->terminate(3s);
  EXPECT_TRUE(lab_->wait_active("lb2", 10s));
  EXPECT_LT(Clock::now() - stopped, 3s);  // Skew_Time is 609 ms, silence takes 3.6 s
  EXPECT_TRUE(
      lab_->node("lb2").vrrpd->wait_for_output("Backup -> Active (peer 10.0.0.1 resigned)", 1s));
}

TEST_F(Version, a_reload_changes_the_version_on_both_nodes_and_moves_nothing) {
  const uint64_t transitions = router("lb1").transitions();
  std::string config = lab_->config();
  config.replace(config.find("version = 2"), 11, "version = 3");
  lab_->write_config(config);
  for (const char* node : {"lb1", "lb2"}) lab_->node(node).vrrpd->signal(SIGHUP);
  for (const char* node : {"lb1", "lb2"}) {
    EXPECT_TRUE(lab_->node(node).vrrpd->wait_for_output("config: reloaded", 5s));
  }
  const uint64_t heard = router("lb2").received();
  EXPECT_TRUE(eventually(
      5s, [&] { return router("lb2").received() > heard + 1; }, "lb2 hears version 3"));
  EXPECT_EQ(router("lb1").transitions(), transitions);
  EXPECT_EQ(lab_->active_node(), "lb1");
}

}  // namespace
}  // namespace hapair::test
