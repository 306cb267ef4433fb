// Track scripts of a real vrrpd: a failing one is a fault, or changes the priority; a slow one is
// killed and has failed; the heartbeat does not wait for any.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/netns/vrrpd/one_node.h"
#include "tests/support/files.h"

namespace hapair::test {
namespace {

/// A script that does what the file beside it says: "exit 0", "sleep 9".
class Switched {
 public:
  Switched() {
    ::chmod(dir_.path().c_str(), 0755);
    say("exit 0");
    write_file(path(), fmt::format("#!/bin/sh\n. {}\n", dir_ / "what"), 0755);
    ::chmod(path().c_str(), 0755);
  }
  [[nodiscard]] std::string path() const { return dir_ / "script"; }
  /// Replaced at once: no run reads half of it.
  void say(const std::string& what) {
    write_file(dir_ / "next", what + "\n", 0644);
    ::chmod((dir_ / "next").c_str(), 0644);
    ::rename((dir_ / "next").c_str(), (dir_ / "what").c_str());
  }

 private:
  TempDir dir_;
};

std::string track(const Switched& script, const std::string& more = {}) {
  return fmt::format(
      "\n[track probe]\nscript = {} argument\ninterval = 50ms\ntimeout = 500ms\nrise = 2\n"
      "fall = 2\n{}",
      script.path(), more);
}

class TrackScript : public OneNode {
 protected:
  void configure(const std::string& more = {}) {
    replace_in_config("vrid = 51\n", "vrid = 51\ntrack = probe\n");
    lab_->write_config(lab_->config() + track(script_, more));
  }
  [[nodiscard]] testing::AssertionResult says(const std::string& line) {
    return vrrpd().wait_for_output(line, 10s);
  }
  Switched script_;
};

TEST_F(TrackScript, a_failing_one_takes_the_router_out_and_a_good_one_lets_it_back) {
  configure();
  ASSERT_TRUE(becomes_active());
  script_.say("echo the port is closed; exit 1");
  EXPECT_TRUE(
      says("vrrp main: Active -> Initialize (track probe: exited with 1 (the port is closed))"));
  EXPECT_FALSE(has(PairLab::kVip));
  script_.say("exit 0");
  EXPECT_TRUE(eventually(
      10s, [&] { return has(PairLab::kVip); }, "Active again"));
}

TEST_F(TrackScript, one_that_hangs_has_failed_and_is_killed) {
  configure();
  ASSERT_TRUE(becomes_active());
  const uint64_t sent = status().routers(0).sent();
  script_.say("sleep 30");
  EXPECT_TRUE(says("Active -> Initialize (track probe: took longer than 500ms: killed)"));
  // Two timeouts long the heartbeat went on as if nothing were.
  EXPECT_GT(status().routers(0).sent(), sent + 40);
}

TEST_F(TrackScript, a_weight_changes_the_priority_and_moves_nothing) {
  configure("weight = -60\n");
  ASSERT_TRUE(becomes_active());
  script_.say("exit 1");
  EXPECT_TRUE(says("vrrp main: priority 150 -> 90 (150 - 60 (track probe: exited with 1))"));
  EXPECT_TRUE(has(PairLab::kVip));
  script_.say("exit 0");
  EXPECT_TRUE(says("vrrp main: priority 90 -> 150 (as configured)"));
  EXPECT_TRUE(has(PairLab::kVip));
}

TEST_F(TrackScript, a_reload_may_bring_it_and_take_it_away) {
  ASSERT_TRUE(becomes_active());
  const std::string before = lab_->config();
  script_.say("exit 3");
  configure();
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(says("Active -> Initialize (track probe: exited with 3)"));
  lab_->write_config(before);
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(eventually(
      10s, [&] { return has(PairLab::kVip); }, "Active again: nothing is tracked"));
}

class TrackScriptOfAPair : public RootTest {};

TEST_F(TrackScriptOfAPair, with_preempt_the_other_node_takes_over_while_it_fails) {
  if (IsSkipped()) return;
  Switched script;
  PairLab lab({.advert_interval = 10ms,
               .servers = 0,
               .preempt = true,
               .boot_hold = 0ms,
               .with_lbcore = false,
               .with_servers = false,
               .vrrp = "track@lb1 = probe\n",
               .more = track(script, "weight = -60\n")});
  lab.start();
  ASSERT_TRUE(lab.wait_active("lb1", 10s));
  script.say("exit 1");
  EXPECT_TRUE(lab.wait_active("lb2", 10s));
  script.say("exit 0");
  EXPECT_TRUE(lab.wait_active("lb1", 10s));
}

}  // namespace
}  // namespace hapair::test
