// Commands as checks: what is decided about them, and real scripts run by the real helper, which is
// lbcore's program.
#include <csignal>
#include <fstream>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lbcore/health/check_files.h"
#include "lbcore/health/command_message.h"
#include "lbcore/health/command_slots.h"
#include "lbcore/health/exec_probe.h"
#include "tests/support/files.h"
#include "tests/support/programs.h"
#include "tests/unit/lbcore/health/loopback.h"

namespace hapair::lbcore::health {
namespace {

using How = CommandEnd::How;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// ---- Decisions

TEST(CommandMessage, IsReadAsItWasWritten) {
  const CommandOrder order{
      .id = 7, .timeout_ms = 500, .argv = {"/bin/x", "", "a b\n"}, .environment = {"A=1"}};
  EXPECT_EQ(decode_order(encode(order)), order);
  EXPECT_EQ(decode_order(encode(CommandOrder{.id = 7})), (CommandOrder{.id = 7}));
  const CommandEnd end{.id = 7, .how = How::killed, .value = 9, .line = "text"};
  EXPECT_EQ(decode_end(encode(end)), end);
}

TEST(CommandMessage, APieceIsNone) {
  const std::string order =
      encode(CommandOrder{.id = 7, .timeout_ms = 500, .argv = {"/bin/x"}, .environment = {"A=1"}});
  for (size_t length = 0; length < order.size(); ++length) {
    EXPECT_EQ(decode_order(order.substr(0, length)), std::nullopt) << length;
  }
  EXPECT_EQ(decode_order(order + "x"), std::nullopt);
  EXPECT_EQ(decode_order(encode(CommandOrder{.id = 7, .timeout_ms = 1})), std::nullopt)
      << "no program";
  EXPECT_EQ(decode_end("short"), std::nullopt);
}

TEST(CommandMessage, TheFirstLineWithTextIsShown) {
  EXPECT_EQ(first_line("all is well\nreally\n"), "all is well");
  EXPECT_EQ(first_line("\n  \n\tindented \r\nmore"), "indented");
  EXPECT_EQ(first_line("a\x1b[31mred\xc3\xa4"), "a?[31mred??");
  EXPECT_EQ(first_line(std::string(1000, 'x')), std::string(160, 'x'));
  EXPECT_EQ(first_line(""), "");
  EXPECT_EQ(first_line(" \n\n"), "");
}

TEST(CommandSlots, NeverMoreThanSoManyRunAndWhoWaitsGoesInOrder) {
  CommandSlots slots(2);
  EXPECT_TRUE(slots.enter(1));
  EXPECT_TRUE(slots.enter(2));
  EXPECT_FALSE(slots.enter(3));
  EXPECT_FALSE(slots.enter(4));
  EXPECT_FALSE(slots.enter(5));
  EXPECT_EQ(slots.leave(4), std::nullopt) << "it waits no longer";
  EXPECT_EQ(slots.leave(2), 3U);
  EXPECT_TRUE(slots.runs(3));
  EXPECT_EQ(slots.running(), 2U);
  EXPECT_EQ(slots.leave(1), 5U);
  EXPECT_EQ(slots.leave(3), std::nullopt);
  EXPECT_EQ(slots.leave(5), std::nullopt);
  EXPECT_EQ(slots.leave(5), std::nullopt) << "unknown by now";
  EXPECT_EQ(slots.running(), 0U);
}

TEST(CommandResult, NamesWhatHappened) {
  const CheckSpec spec = parse_check("exec /opt/check timeout 500ms").value();
  const auto told = [&](const CommandEnd& end) {
    const ProbeResult result = command_result(spec, &end);
    return fmt::format("{} {}{}", name(result.code), result.detail,
                       result.environment() ? " (ours)" : "");
  };
  EXPECT_EQ(told({.how = How::exited, .value = 0, .line = "fine"}), "PROCOK fine");
  EXPECT_EQ(told({.how = How::exited, .value = 0}), "PROCOK ");
  EXPECT_EQ(told({.how = How::exited, .value = 2, .line = "full"}), "PROCERR exit status 2: full");
  EXPECT_EQ(told({.how = How::exited, .value = 1}), "PROCERR exit status 1");
  EXPECT_EQ(told({.how = How::killed, .value = 11}), "PROCERR died by signal 11");
  EXPECT_EQ(told({.how = How::late, .value = 9, .line = "asking"}),
            "PROCTOUT no end in 500ms: asking");
  EXPECT_EQ(told({.how = How::not_started, .value = ENOENT}),
            "SOCKERR cannot run /opt/check: No such file or directory (ours)");
  EXPECT_EQ(command_result(spec, nullptr).text(), "SOCKERR the helper for commands died");
}

TEST(CommandOrder, TellsOfTheServerAndNothingElse) {
  const CommandOrder order =
      command_order(parse_check("exec /opt/check \"-x\" port 81 timeout 1500us").value(),
                    Endpoint::parse("[2001:db8::1]:80").value());
  EXPECT_EQ(order.argv, (std::vector<std::string>{"/opt/check", "-x"}));
  EXPECT_EQ(order.timeout_ms, 2U);
  EXPECT_THAT(order.environment,
              testing::ElementsAre(StartsWith("PATH=/"), "HAPAIR_SERVER_ADDRESS=2001:db8::1",
                                   "HAPAIR_SERVER_PORT=81", "HAPAIR_CHECK_TIMEOUT_MS=2"));
}

// ---- Real scripts

class CommandTest : public testing::Test {
 protected:
  /// An executable script.
  std::string script(const std::string& name, const std::string& body) {
    const std::string path = dir_ / name;
    hapair::test::write_file(path, "#!/bin/sh\n" + body);
    ::chmod(path.c_str(), 0755);
    return path;
  }
  struct Asked {
    std::unique_ptr<Probe> probe;
    std::optional<ProbeResult> result;
  };
  std::unique_ptr<Asked> ask(const std::string& check) {
    auto out = std::make_unique<Asked>();
    out->probe = make_probe(*tools_, server_, parse_check("exec " + check).value(),
                            [asked = out.get()](const ProbeResult& found) {
                              EXPECT_FALSE(asked->result) << "one attempt, one result";
                              asked->result = found;
                            });
    out->probe->start();
    return out;
  }
  std::string probe(const std::string& check) {
    const auto asked = ask(check);
    EXPECT_TRUE(run_until(loop_, [&] { return asked->result.has_value(); }));
    if (!asked->result) return "";
    return fmt::format("{} {}", name(asked->result->code), asked->result->detail);
  }
  static bool alive(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string pid_text;
    std::string name;
    std::string state;
    return bool(file >> pid_text >> name >> state) && state != "Z" && state != "X";
  }
  /// The number that a script wrote to this file, once it is whole.
  pid_t pid_in(const std::string& name) {
    pid_t pid = 0;
    EXPECT_TRUE(run_until(loop_, [&] {
      std::ifstream file(dir_ / name);
      std::string line;
      if (!std::getline(file, line) || file.eof()) return false;
      pid = std::stoi(line);
      return true;
    })) << name;
    return pid;
  }

  const Endpoint server_ = Endpoint::parse("192.0.2.1:80").value();
  hapair::test::TempDir dir_;
  EventLoop loop_;
  std::optional<ProbeTools> tools_{std::in_place, loop_, hapair::test::programs::lbcore()};
};

TEST_F(CommandTest, ItsExitStatusAndItsFirstLineCount) {
  EXPECT_EQ(tools_->commands.helper(), 0) << "nobody needs one yet";
  EXPECT_EQ(probe(script("well", "echo all is well; echo more")), "PROCOK all is well");
  EXPECT_EQ(probe(script("ill", "echo disk full >&2; exit 3")), "PROCERR exit status 3: disk full");
  EXPECT_EQ(probe(script("dies", "kill -SEGV $$")), "PROCERR died by signal 11");
  EXPECT_EQ(probe(script("told", "echo \"$#:$1:$2\"") + " \"a b\" \"$HOME\""), "PROCOK 2:a b:$HOME")
      << "no shell reads them";
  EXPECT_EQ(probe(dir_ / "gone"),
            fmt::format("SOCKERR cannot run {}: No such file or directory", dir_ / "gone"));
  const std::string endless = script("endless", "exec 2>&-; while :; do echo noise; done");
  EXPECT_EQ(probe(endless + " timeout 200ms"), "PROCTOUT no end in 200ms");
}

TEST_F(CommandTest, ItInheritsNothing) {
  EXPECT_EQ(probe(script("env", "env | grep -vE '^(PWD|SHLVL|OLDPWD|_)=' | sort | tr '\\n' ' '")),
            "PROCOK HAPAIR_CHECK_TIMEOUT_MS=1000 HAPAIR_SERVER_ADDRESS=192.0.2.1 "
            "HAPAIR_SERVER_PORT=80 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
            "/bin");
  EXPECT_EQ(probe(script("caps",
                         "grep -E '^Cap' /proc/self/status | grep -v 0000000000000000 | "
                         "tr '\\n' ' '; echo; pwd; readlink /proc/self/fd/0")),
            "PROCOK /")
      << "no capability is left, not even to root";
  EXPECT_EQ(probe(script("in", "readlink /proc/$$/fd/0; ")), "PROCOK /dev/null");
  EXPECT_EQ(probe(script("fds",
                         "for i in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo $i; done;"
                         " echo none")),
            "PROCOK none");
  // The C library has two signals of its own behind the digits that are looked at.
  EXPECT_EQ(
      probe(script("signals",
                   "sed -nE 's/^Sig(Blk|Ign):.*(.......)$/\\2/p' /proc/$$/status | tr -d '\\n'")),
      "PROCOK 00000000000000");
}

TEST_F(CommandTest, OneThatHangsIsKilledWithItsChildren) {
  const std::string hangs = script(
      "hangs",
      fmt::format("sleep 100 &\necho $! > {0}/child\necho $$ > {0}/self\nwait\n", dir_ / ""));
  EXPECT_THAT(probe(hangs + " timeout 300ms"), StartsWith("PROCTOUT no end in 300ms"));
  const pid_t child = pid_in("child");
  const pid_t self = pid_in("self");
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(child) && !alive(self); }));
}

TEST_F(CommandTest, WhatItLeavesBehindIsKilled) {
  const std::string leaves =
      script("leaves", fmt::format("sleep 100 &\necho $! > {}/child\necho started\n", dir_ / ""));
  EXPECT_EQ(probe(leaves), "PROCOK started") << "it does not wait for the output of the child";
  const pid_t child = pid_in("child");
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(child); }));
}

TEST_F(CommandTest, NorDoesItEscapeByLeavingItsGroup) {
  const std::string leaves =
      script("leaves", fmt::format("setsid sh -c 'sleep 100 & echo $! > {0}/grandchild; wait' "
                                   ">/dev/null 2>&1 &\necho $! > {0}/child\n"
                                   "while [ ! -s {0}/grandchild ]; do sleep 0.01; done\n",
                                   dir_ / ""));
  EXPECT_EQ(probe(leaves + " interval 5s timeout 5s"), "PROCOK ");
  const pid_t child = pid_in("child");
  const pid_t grandchild = pid_in("grandchild");
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(child) && !alive(grandchild); }));
}

TEST_F(CommandTest, AHelperThatIsKilledComesBackAndItsCommandsGo) {
  const std::string hangs =
      script("hangs", fmt::format("echo $$ > {}/self\nexec sleep 100\n", dir_ / ""));
  const auto asked = ask(hangs + " interval 10s timeout 10s");
  const pid_t command = pid_in("self");
  const pid_t helper = tools_->commands.helper();
  ASSERT_GT(helper, 0);
  ::kill(helper, SIGKILL);
  EXPECT_TRUE(run_until(loop_, [&] { return asked->result.has_value(); }));
  EXPECT_EQ(asked->result->text(), "SOCKERR the helper for commands died");
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(command); }));
  EXPECT_EQ(tools_->commands.helper(), 0);
  EXPECT_EQ(probe(script("well", "echo again")), "PROCOK again");
  EXPECT_NE(tools_->commands.helper(), helper);
}

TEST_F(CommandTest, TheHelperGoesWithUsAndTakesAllAlong) {
  const std::string hangs =
      script("hangs", fmt::format("echo $$ > {}/self\nexec sleep 100\n", dir_ / ""));
  auto asked = ask(hangs + " interval 10s timeout 10s");
  const pid_t command = pid_in("self");
  const pid_t helper = tools_->commands.helper();
  asked.reset();
  tools_.reset();
  EXPECT_FALSE(alive(helper));
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(command); }));
}

TEST_F(CommandTest, AProbeThatIsGoneEndsItsCommand) {
  const std::string hangs =
      script("hangs", fmt::format("echo $$ > {}/self\nexec sleep 100\n", dir_ / ""));
  auto asked = ask(hangs + " interval 10s timeout 10s");
  const pid_t command = pid_in("self");
  asked.reset();
  EXPECT_TRUE(run_until(loop_, [&] { return !alive(command); }));
  EXPECT_EQ(probe(script("well", "echo on")), "PROCOK on");
}

TEST_F(CommandTest, ManyTakeTurnsAndWhoNeverHadOneSaysNothingOfItsServer) {
  const std::string slow = script("slow", "exec sleep 100");
  std::vector<std::unique_ptr<Asked>> asked;
  for (size_t i = 0; i < CommandRunner::kMostAtOnce; ++i) asked.push_back(ask(slow));
  const auto late = ask(script("late", "exit 0") + " timeout 100ms");
  EXPECT_TRUE(run_until(loop_, [&] { return late->result.has_value(); }));
  EXPECT_EQ(late->result->text(), "SOCKERR 32 other commands have run for 100ms");
  const auto turn = ask(script("turn", "echo mine") + " interval 10s timeout 10s");
  EXPECT_TRUE(run_until(loop_, [&] { return turn->result.has_value(); }));
  EXPECT_THAT(turn->result->text(), StartsWith("PROCOK mine in "));
  for (const auto& each : asked) {
    EXPECT_TRUE(run_until(loop_, [&] { return each->result.has_value(); }));
    EXPECT_EQ(each->result->text(), "PROCTOUT no end in 1s");
  }
}

TEST_F(CommandTest, AFileThatCannotBeRunIsAMistakeOfTheConfiguration) {
  const auto mistake = [](const std::string& path) {
    const auto status = check_files(parse_check("exec " + path).value());
    return status ? std::string() : status.error().message;
  };
  const std::string good = script("good", "");
  EXPECT_EQ(mistake(good), "");
  ::chmod(good.c_str(), 0777);
  EXPECT_EQ(mistake(good), fmt::format("exec {}: anybody may write it", good));
  ::chmod(good.c_str(), 0644);
  EXPECT_EQ(mistake(good), fmt::format("exec {}: Permission denied", good));
  EXPECT_EQ(mistake("/etc"), "exec /etc: is no file");
  EXPECT_EQ(mistake("/nonexistent"), "exec /nonexistent: No such file or directory");
}

}  // namespace
}  // namespace hapair::lbcore::health
