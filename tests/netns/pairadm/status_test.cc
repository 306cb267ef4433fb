// `pairadm status` beside the real daemons: a healthy pair, and one with a daemon dead, hung, or
// the peer gone.
#include <csignal>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class StatusOfAPair : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.boot_hold = 0ms});
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 15s));
    lab_->start("lb2");
    ASSERT_TRUE(eventually(
        15s, [&] { return status("lb1").exit.code == 0 && status("lb2").exit.code == 0; },
        [&] { return status("lb1").out + status("lb2").out; }));
  }

  Finished status(std::string_view node) {
    return lab_->pairadm(node, {"status", "--wait", "500ms"});
  }

  testing::AssertionResult wait_status(std::string_view node, const std::string& part) {
    return eventually(
        10s, [&] { return contains(status(node).out, part); },
        [&] { return "'" + part + "' in\n" + status(node).out; });
  }

  std::optional<PairLab> lab_;
};

TEST_F(StatusOfAPair, Healthy) {
  const Finished on_lb1 = status("lb1");
  EXPECT_TRUE(on_lb1.out.starts_with("lb1 is Active (main, since ")) << on_lb1.out;
  EXPECT_TRUE(contains(on_lb1.out, ", priority 150), lb2 is Backup, heard ")) << on_lb1.out;
  EXPECT_TRUE(contains(on_lb1.out, " ago; sessions synced (0)\n")) << on_lb1.out;
  EXPECT_TRUE(contains(on_lb1.out, "    10.0.0.100/24 on eth0, vrid 51, priority 150\n"))
      << on_lb1.out;
  EXPECT_TRUE(contains(on_lb1.out, "servers 3/3 up")) << on_lb1.out;
  EXPECT_TRUE(on_lb1.out.ends_with("no problems\n")) << on_lb1.out;

  const Finished on_lb2 = status("lb2");
  EXPECT_TRUE(on_lb2.out.starts_with("lb2 is Backup (main, since ")) << on_lb2.out;
  EXPECT_TRUE(contains(on_lb2.out, ", priority 100), lb1 is Active, heard ")) << on_lb2.out;

  const Finished json = lab_->pairadm("lb1", {"status", "--json"});
  const auto view = nlohmann::json::parse(json.out);
  EXPECT_EQ(view.at("healthy"), true);
  EXPECT_EQ(view.at("nodes").at(0).at("routers").at(0).at("state"), "Active");
  EXPECT_EQ(view.at("nodes").at(1).at("name"), "lb2");
}

TEST_F(StatusOfAPair, LbcoreKilled) {
  lab_->node("lb1").lbcore->signal(SIGKILL);
  const std::string socket = lab_->node("lb1").run_dir + "/lbcore.sock";
  EXPECT_TRUE(wait_status("lb1", "  - lbcore is not running (nobody answers at " + socket + ")\n"));
  EXPECT_TRUE(wait_status("lb1", "; lbcore does not answer\n"));
  EXPECT_EQ(status("lb1").exit.code, 1);
  EXPECT_TRUE(wait_status("lb2", "lb2 is Active (main, since "));
  EXPECT_TRUE(wait_status("lb2", "  - lb1 was last heard "));
  EXPECT_TRUE(wait_status("lb2", "  - sessions are not synced with lb1 "));
}

TEST_F(StatusOfAPair, LbcoreHung) {
  lab_->node("lb1").lbcore->signal(SIGSTOP);
  EXPECT_TRUE(wait_status("lb1", "  - lbcore does not answer ("));
  EXPECT_EQ(status("lb1").exit.code, 1);
  lab_->node("lb1").lbcore->signal(SIGCONT);
  EXPECT_TRUE(eventually(
      10s, [&] { return status("lb1").exit.code == 0; }, [&] { return status("lb1").out; }));
}

TEST_F(StatusOfAPair, BothDaemonsGone) {
  lab_->kill_all("lb1");
  const Finished done = status("lb1");
  EXPECT_TRUE(contains(done.out, ": neither vrrpd nor lbcore answers on this node\n")) << done.out;
  EXPECT_EQ(done.exit.code, 1);
}

TEST_F(StatusOfAPair, ServerDown) {
  lab_->origin(2).terminate(1s);
  EXPECT_TRUE(wait_status("lb1", "  - server 10.0.1.12:8080 of pool web is down for "));
  EXPECT_TRUE(wait_status("lb1", "seen by both nodes: "));
  EXPECT_TRUE(contains(status("lb1").out, "servers 2/3 up")) << status("lb1").out;
}

TEST_F(StatusOfAPair, TablesThatDiffer) {
  // What pairadm adds is on both nodes; a file may be ahead on one.
  lab_->write_config(lab_->config() +
                     "\n[service more]\nlisten = tcp 10.0.0.100:8000\npool = web\n");
  lab_->node("lb1").lbcore->signal(SIGHUP);
  EXPECT_TRUE(wait_status("lb1", "  - service TCP 10.0.0.100:8000 exists on lb1 only\n"));
  EXPECT_TRUE(wait_status("lb2", "  - service TCP 10.0.0.100:8000 exists on lb1 only\n"));
}

class StatusOfVrrpd : public RootTest {};

TEST_F(StatusOfVrrpd, WithoutLbcore) {
  if (IsSkipped()) return;
  PairLab lab({.servers = 0, .boot_hold = 0ms, .with_lbcore = false, .with_servers = false});
  lab.start("lb1");
  ASSERT_TRUE(lab.wait_active("lb1", 10s));
  const Finished done = lab.pairadm("lb1", {"status"});
  EXPECT_EQ(done.exit.code, 1);
  EXPECT_TRUE(done.out.starts_with("lb1 is Active (main, since ")) << done.out;
  EXPECT_TRUE(contains(done.out, "; lbcore does not answer\n")) << done.out;
  EXPECT_TRUE(contains(done.out, "problems:\n  - lbcore is not running (no socket at "))
      << done.out;
}

}  // namespace
}  // namespace hapair::test
