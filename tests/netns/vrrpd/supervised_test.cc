// vrrpd under a real systemd, with the project's own unit: what is left when every process is
// killed at once, and nobody of ours can clean up.
#include <csignal>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/supervisor.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

class Supervised : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::only_vrrpd(100ms));
    supervisor_.emplace(lab_->node("lb1").inside);
  }

  void start_lb1() {
    supervisor_->start("vrrpd", unit_of_vrrpd(fmt::format("{} --config {} --node lb1 --run-dir {}",
                                                          programs::vrrpd(), lab_->config_path(),
                                                          lab_->node("lb1").run_dir)));
  }

  std::optional<PairLab> lab_;
  std::optional<Supervisor> supervisor_;
};

TEST_F(Supervised, every_process_killed_at_once_leaves_no_vip_and_a_new_vrrpd_comes_as_backup) {
  start_lb1();
  ASSERT_TRUE(lab_->wait_active("lb1", 10s)) << supervisor_->log();
  lab_->start("lb2");
  ASSERT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("Initialize -> Backup", 5s));

  const auto killed = supervisor_->processes();
  ASSERT_GE(killed.size(), 2U) << "guardian and speaker";
  for (const int signal : {SIGSTOP, SIGKILL}) {
    for (const int process : killed) ::kill(process, signal);
  }
  EXPECT_TRUE(lab_->wait_active("lb2", 5s)) << supervisor_->log();
  // ExecStopPost took the VIP away, not the end of its lease: systemd has said so.
  EXPECT_THAT(supervisor_->log(), testing::HasSubstr("vrrpd: released 10.0.0.100"));

  EXPECT_TRUE(eventually(
      10s,
      [&] {
        const auto now = supervisor_->processes();
        return now.size() >= 2 && now != killed;
      },
      "Restart=on-failure starts it again"));
  EXPECT_TRUE(holds_for(500ms, [&] { return lab_->active_node() == "lb2"; })) << lab_->logs();
}

TEST_F(Supervised, systemctl_sees_it_ready_only_when_it_is) {
  start_lb1();  // Type=notify: returns when vrrpd has said READY=1
  EXPECT_TRUE(lab_->wait_active("lb1", 5s)) << supervisor_->log();
}

}  // namespace
}  // namespace hapair::test
