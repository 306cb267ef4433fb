// Checks that run a program: real scripts under a running lbcore, and what becomes of their
// processes.
#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::StartsWith;

class ExecChecks : public LbcoreLab {
 protected:
  /// Does what the file named like the server's address says, as a shell would.
  std::string script() {
    std::string path = dir_ / "check";
    write_file(path, fmt::format("#!/bin/sh\n. {}/$HAPAIR_SERVER_ADDRESS\n", dir_.path()));
    ::chmod(path.c_str(), 0755);
    for (int number = 1; number <= 3; ++number) tell(number, "echo well; exit 0");
    return path;
  }
  void tell(int number, const std::string& what) {
    const std::string path = dir_ / fmt::format("10.0.1.{}", 10 + number);
    write_file(path + ".new", what + "\n");
    ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  std::string with_script(const std::string& options) {
    return config("scheduler = rr\ncheck = exec " + script() + " " + options + "\n");
  }
  control::Server server(int number) { return service().servers(number - 1); }
  static std::string name_of(pid_t pid) {
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), name);
    return name;
  }
  static bool alive(pid_t pid) {
    std::string text;
    std::getline(std::ifstream(fmt::format("/proc/{}/stat", pid)), text);
    return !text.empty() && text.find(") Z ") == std::string::npos;
  }
  pid_t helper() {
    for (const pid_t child : lbcore().children()) {
      if (name_of(child) == "lbcore-commands") return child;
    }
    return 0;
  }

  TempDir dir_;
};

TEST_F(ExecChecks, AProgramDecides) {
  start(with_script("interval 100ms timeout 100ms fall 1 rise 1"));
  for (int number = 1; number <= 3; ++number) {
    EXPECT_THAT(server(number).check(), StartsWith("PROCOK well in "));
  }
  EXPECT_EQ(requests(6).size(), 3U);
  tell(1, "echo no space left; exit 2");
  tell(2, "sleep 100");
  EXPECT_TRUE(eventually(10s, [&] { return !server(1).up() && !server(2).up(); }));
  EXPECT_EQ(server(1).check(), "PROCERR exit status 2: no space left");
  EXPECT_EQ(server(2).check(), "PROCTOUT no end in 100ms");
  EXPECT_TRUE(lbcore().wait_for_output(
      "check web/s1: up -> down (PROCERR exit status 2: no space left)", 5s));
  EXPECT_EQ(requests(3).size(), 1U);
  tell(1, "exit 0");
  tell(2, "exit 0");
  EXPECT_TRUE(eventually(10s, [&] { return server(1).up() && server(2).up(); }));
}

TEST_F(ExecChecks, AKilledHelperComesBack) {
  start(with_script("interval 50ms timeout 50ms fall 1 rise 1"));
  const pid_t first = helper();
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(eventually(10s, [&] { return helper() != 0 && helper() != first; }));
  tell(1, "exit 1");
  EXPECT_TRUE(eventually(10s, [&] { return !server(1).up(); })) << "checks go on";
}

TEST_F(ExecChecks, NothingOutlivesLbcore) {
  const std::string text = with_script("interval 20s timeout 20s");
  tell(3,
       fmt::format("sleep 100 & echo $! > {0}/child; mv {0}/child {0}/there; wait", dir_.path()));
  start(text, false);
  const std::string there = dir_ / "there";
  ASSERT_TRUE(eventually(10s, [&] { return ::access(there.c_str(), R_OK) == 0; }));
  const pid_t grandchild = std::stoi(read_file(there));
  const pid_t its_helper = helper();
  ASSERT_TRUE(alive(grandchild));
  ASSERT_TRUE(alive(its_helper));
  lbcore().signal(SIGKILL);
  EXPECT_TRUE(eventually(10s, [&] { return !alive(its_helper) && !alive(grandchild); }));
}

}  // namespace
}  // namespace hapair::test
