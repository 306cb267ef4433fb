// Hooks of a real vrrpd: their order, their user, their time, and that the heartbeat does not know
// of them.
#include <csignal>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/netns/vrrpd/one_node.h"
#include "tests/support/files.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

/// A program that the hook user can reach, and a file that it can write.
class Scripts {
 public:
  Scripts() {
    ::chmod(dir_.path().c_str(), 0711);
    write_file(log_path(), "", 0666);
    ::chmod(log_path().c_str(), 0666);
  }
  [[nodiscard]] std::string log_path() const { return dir_ / "log"; }
  /// `body` is sh; $log is the file.
  std::string make(const std::string& name, const std::string& body) {
    const std::string path = dir_ / name;
    write_file(path, "#!/bin/sh\nlog=" + log_path() + "\n" + body + "\n", 0755);
    ::chmod(path.c_str(), 0755);
    return path;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::istringstream text(read_file(log_path()));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);) out.push_back(line);
    return out;
  }
  [[nodiscard]] size_t count(const std::string& line) const {
    const auto all = lines();
    return static_cast<size_t>(std::ranges::count(all, line));
  }

 private:
  TempDir dir_;
};

/// A child of vrrpd by the name of its process; 0: none.
pid_t child_called(const Process& vrrpd, const std::string& name) {
  for (const pid_t child : vrrpd.children()) {
    if (read_file(fmt::format("/proc/{}/comm", child)) == name + "\n") return child;
  }
  return 0;
}

class Hooks : public OneNode {
 protected:
  void configure(const std::string& lines) {
    replace_in_config("vrid = 51\n", "vrid = 51\n" + lines);
  }
  void all_hooks(const std::string& program, const std::string& more = {}) {
    configure(fmt::format("on_active = {0}\non_backup = {0}\non_fault = {0}\non_stop = {0}\n{1}",
                          program, more));
  }
  [[nodiscard]] testing::AssertionResult logged(const std::string& line, Duration within = 5s) {
    return eventually(
        within, [&] { return scripts_.count(line) > 0; },
        [&] { return "'" + line + "' in " + read_file(scripts_.log_path()) + vrrpd().err(); });
  }
  Scripts scripts_;
};

TEST_F(Hooks, tell_what_happened_as_an_unprivileged_user) {
  all_hooks(scripts_.make("hook",
                          "env | grep HAPAIR_ | sort >> $log\n"
                          "echo uid $(id -u) >> $log\n"
                          "grep CapEff /proc/self/status >> $log\n"
                          "grep oom /dev/null; echo oom $(cat /proc/self/oom_score_adj) >> $log\n"
                          "echo fds $(ls /proc/self/fd | wc -l) >> $log\n"
                          "echo a word for the log\n"
                          "echo end >> $log"),
            "hook_user = nobody\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(logged("HAPAIR_STATE=Active"));
  ASSERT_TRUE(eventually(
      5s, [&] { return scripts_.count("end") == 2; }, "on_backup, then on_active"));
  for (const char* line :
       {"HAPAIR_ROUTER=main", "HAPAIR_STATE=Backup", "HAPAIR_PREVIOUS=Backup",
        "HAPAIR_REASON=heard nobody for 34 ms", "HAPAIR_VRID=51", "HAPAIR_INTERFACE=eth0",
        "HAPAIR_ADDRESSES=10.0.0.100/24", "HAPAIR_NODE=lb1", "uid 65534",
        "CapEff:\t0000000000000000", "oom 0", "fds 4"}) {
    EXPECT_GT(scripts_.count(line), 0U) << line << " in " << read_file(scripts_.log_path());
  }
  EXPECT_TRUE(vrrpd().wait_for_output("hooks: on_active of main: a word for the log", 2s));
  EXPECT_TRUE(vrrpd().wait_for_output("hooks: on_active of main: done in ", 2s));
  // The runner itself is nobody special either.
  const pid_t runner = child_called(vrrpd(), "vrrpd-hooks");
  ASSERT_NE(runner, 0);
  const std::string status = read_file(fmt::format("/proc/{}/status", runner));
  EXPECT_THAT(status, HasSubstr("Uid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000000000000\n"));
}

TEST_F(Hooks, the_last_one_is_the_last_state_however_slow_they_are) {
  all_hooks(scripts_.make("hook",
                          "echo begin $HAPAIR_STATE >> $log\n"
                          "sleep 0.3\n"
                          "echo end $HAPAIR_STATE >> $log"));
  ASSERT_TRUE(becomes_active());
  for (int i = 0; i < 10; ++i) {
    lab_->lan().set_cable(lb1().inside, "eth0", false);
    ASSERT_TRUE(eventually(
        3s, [&] { return !has(PairLab::kVip); }, "left"));
    lab_->lan().set_cable(lb1().inside, "eth0", true);
    ASSERT_TRUE(eventually(
        3s, [&] { return has(PairLab::kVip); }, "Active again"));
  }
  lab_->lan().set_cable(lb1().inside, "eth0", false);
  ASSERT_TRUE(logged("end Initialize"));
  ASSERT_TRUE(eventually(
      10s, [&] { return scripts_.lines().back() == "end Initialize"; },
      [&] { return read_file(scripts_.log_path()); }));
  EXPECT_TRUE(holds_for(
      700ms, [&] { return scripts_.lines().back() == "end Initialize"; }, "nothing follows"));
  const auto lines = scripts_.lines();
  for (size_t i = 0; i + 1 < lines.size(); i += 2) {
    EXPECT_EQ(lines[i].substr(0, 6), "begin ");
    EXPECT_EQ(lines[i].substr(6), lines[i + 1].substr(4)) << "one at a time";
  }
  EXPECT_LT(lines.size() / 2, 22U) << "superseded ones were skipped";
}

TEST_F(Hooks, one_that_takes_too_long_is_killed_with_all_it_started) {
  configure("on_active = " +
            scripts_.make("hook",
                          "echo $$ >> $log\n"
                          "sleep 50 & sleep 50") +
            "\nhook_timeout = 300ms\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(vrrpd().wait_for_output("took longer than 300ms: killed", 5s));
  const std::string group = scripts_.lines().front();
  EXPECT_TRUE(eventually(
      2s, [&] { return ::kill(-std::stoi(group), 0) != 0; }, "the whole process group is gone"));
  EXPECT_TRUE(has(PairLab::kVip));
}

TEST_F(Hooks, a_stop_waits_for_on_stop_and_for_no_other) {
  configure("on_active = " + scripts_.make("slow", "echo begun >> $log; sleep 20") + "\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(logged("begun"));
  TimePoint begin = Clock::now();
  EXPECT_EQ(vrrpd().terminate(10s).code, 0);
  EXPECT_LT(Clock::now() - begin, 5s) << "a stop without on_stop waits for nothing";

  configure("on_stop = " +
            scripts_.make("stop",
                          "sleep 0.5\n"
                          "echo stopped $HAPAIR_STATE $HAPAIR_PREVIOUS >> $log") +
            "\n");
  ASSERT_TRUE(becomes_active());
  begin = Clock::now();
  EXPECT_EQ(vrrpd().terminate(10s).code, 0);
  EXPECT_EQ(scripts_.count("stopped Stop Active"), 1U) << "before the program ended";
  EXPECT_GE(Clock::now() - begin, 400ms);
  EXPECT_FALSE(has(PairLab::kVip));
}

TEST_F(Hooks, on_stop_has_its_time_too) {
  configure("on_stop = " + scripts_.make("stop", "sleep 60") + "\nhook_timeout = 200ms\n");
  ASSERT_TRUE(becomes_active());
  const TimePoint begin = Clock::now();
  EXPECT_EQ(vrrpd().terminate(20s).code, 0);
  EXPECT_LT(Clock::now() - begin, 8s);
}

TEST_F(Hooks, a_runner_that_dies_is_replaced_and_what_it_had_not_done_is_done) {
  configure("on_active = " +
            scripts_.make("hook",
                          "echo begun >> $log\n"
                          "test -e $log.go || sleep 20\n"
                          "echo done >> $log") +
            "\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(logged("begun"));
  write_file(scripts_.log_path() + ".go", "");
  ::kill(child_called(vrrpd(), "vrrpd-hooks"), SIGKILL);
  EXPECT_TRUE(vrrpd().wait_for_output("hooks: the runner of ", 5s));
  EXPECT_TRUE(logged("done", 10s));
  EXPECT_EQ(scripts_.count("begun"), 2U);
  EXPECT_TRUE(has(PairLab::kVip));
}

TEST_F(Hooks, a_speaker_that_is_replaced_runs_none_again) {
  all_hooks(scripts_.make("hook", "echo $HAPAIR_STATE >> $log"));
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(logged("Active"));
  const auto before = scripts_.lines();
  const pid_t speaker = child_called(vrrpd(), "vrrpd-speaker");
  ::kill(speaker, SIGKILL);
  ASSERT_TRUE(eventually(
      5s,
      [&] {
        const pid_t next = child_called(vrrpd(), "vrrpd-speaker");
        return next != 0 && next != speaker && status().routers_size() == 1;
      },
      "another speaker"));
  EXPECT_TRUE(holds_for(
      1s, [&] { return scripts_.lines() == before; }, "no hook for a state that did not change"));
  // The next change is told, and only that.
  lab_->lan().set_cable(lb1().inside, "eth0", false);
  EXPECT_TRUE(logged("Initialize"));
  EXPECT_EQ(scripts_.lines().size(), before.size() + 1);
}

TEST_F(Hooks, a_program_that_cannot_run_is_refused_before_anything_starts) {
  configure("on_active = /nowhere/hook\n");
  const Finished done = run_vrrpd({"--test"});
  EXPECT_EQ(done.exit.code, 1);
  EXPECT_THAT(done.err, HasSubstr("[vrrp main]: on_active: /nowhere/hook: No such file"));
}

TEST_F(Hooks, a_reload_may_bring_the_first_one) {
  ASSERT_TRUE(becomes_active());
  configure("on_fault = " + scripts_.make("hook", "echo $HAPAIR_REASON >> $log") + "\n");
  vrrpd().signal(SIGHUP);
  ASSERT_TRUE(vrrpd().wait_for_output("config: reloaded", 5s));
  lab_->lan().set_cable(lb1().inside, "eth0", false);
  EXPECT_TRUE(logged("eth0 has no carrier"));
}

class HooksOfAPair : public RootTest {};

TEST_F(HooksOfAPair, the_peer_never_notices_a_hook_that_hangs) {
  if (IsSkipped()) return;
  Scripts scripts;
  const std::string hook = scripts.make("hook", "echo begun $HAPAIR_NODE >> $log; sleep 20");
  PairLab lab({.advert_interval = 100ms,  // a busy machine must not be taken for a hook's fault
               .servers = 0,
               .boot_hold = 0ms,
               .with_lbcore = false,
               .with_servers = false,
               .vrrp = fmt::format("on_active = {0}\non_backup = {0}\nhook_timeout = 1s\n", hook)});
  lab.start("lb1");
  ASSERT_TRUE(lab.wait_active("lb1", 5s));
  lab.start("lb2");
  ASSERT_TRUE(lab.node("lb2").vrrpd->wait_for_output("Initialize -> Backup", 5s));
  EXPECT_TRUE(eventually(
      5s, [&] { return scripts.count("begun lb1") > 0; }, "the hook runs"));
  EXPECT_TRUE(holds_for(
      3s, [&] { return lab.active_node() == "lb1"; }, "lb1 stays the Active"));
}

}  // namespace
}  // namespace hapair::test
