// The units leave both daemons few system calls and capabilities: the whole pair works under
// exactly those, through everything that uses others than the day before, and one forbidden call
// would end the daemon (see tests/support/confined_main.cc).
#include <csignal>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

class Hardening : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // A sanitizer looks for leaks with calls of a debugger.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
    ::chmod(dir_.path().c_str(), 0711);  // hooks run as another user
    confine("HAPAIR_VRRPD", "hapair-vrrpd.service", programs::vrrpd());
    confine("HAPAIR_LBCORE", "hapair-lbcore.service", programs::lbcore());
  }
  void TearDown() override {
    ::unsetenv("ASAN_OPTIONS");
    ::unsetenv("HAPAIR_VRRPD");
    ::unsetenv("HAPAIR_LBCORE");
  }

  /// The labs start `program` under its unit from now on.
  void confine(const char* variable, const std::string& unit, const std::string& program) {
    const std::string wrapper = dir_ / unit;
    write_file(wrapper,
               fmt::format("#!/bin/sh\nexec {} {}/systemd/{} {} \"$@\"\n", programs::confined(),
                           HAPAIR_SOURCE_DIR, unit, program),
               0755);
    ::setenv(variable, wrapper.c_str(), 1);
  }

  TempDir dir_;
};

TEST_F(Hardening, ThePairWorksWithWhatItsUnitsLeaveIt) {
  const std::string hook = dir_ / "hook";
  const std::string said = dir_ / "said";
  write_file(said, "");
  ::chmod(said.c_str(), 0666);
  write_file(hook, "#!/bin/sh\necho active | tee -a " + said + "\n", 0755);

  PairLab lab({.ipv6 = true,
               .vrrp = "on_active = " + hook + "\n",
               .lbcore = "workers = 2\nstatus_listen = 127.0.0.1:7480\n",
               .pool = "scheduler = rr\nsticky = source/32 10m\n"
                       "check = icmp interval 200ms timeout 200ms fall 2 rise 1\n",
               .more = "[service dns]\nlisten = udp 10.0.0.100:53\npool = web\n"
                       "[service own]\nlisten = tcp 10.0.0.100:81\npool = own\n"
                       "[pool own]\ncheck = exec /bin/grep \"CapEff:.*00000000\" "
                       "\"/proc/self/status\" interval 200ms timeout 200ms\n"
                       "[server own/s1]\naddress = 10.0.1.11:8080\n"});
  ASSERT_TRUE(lab.start_in_order());
  const auto served = [&] {
    return lab.client()
        .try_exec({"curl", "-s", "-f", "--max-time", "2", fmt::format("http://{}/", PairLab::kVip)})
        .ok();
  };
  EXPECT_TRUE(eventually(5s, served));
  EXPECT_TRUE(eventually(5s, [&] { return !read_file(said).empty(); })) << "the hook ran";

  for (const char* node : {"lb1", "lb2"}) {
    lab.node(node).vrrpd->signal(SIGHUP);
    EXPECT_TRUE(lab.node(node).vrrpd->wait_for_output("config: reloaded", 5s)) << node;
    lab.node(node).lbcore->signal(SIGHUP);
    EXPECT_TRUE(lab.node(node).lbcore->wait_for_output("reload: done", 5s)) << node;
    EXPECT_TRUE(eventually(5s, [&] { return lab.pairadm(node, {"status"}).ok(); }))
        << lab.pairadm(node, {"status"}).out;
    EXPECT_THAT(lab.pairadm(node, {"-L", "--json"}).out, ::testing::HasSubstr("PROCOK CapEff:"))
        << "a program has no capability";
  }
  // Another speaker, another Active node, and an orderly end.
  for (const pid_t child : lab.node("lb1").vrrpd->children()) ::kill(child, SIGKILL);
  EXPECT_TRUE(lab.node("lb1").vrrpd->wait_for_output("the next speaker is in place", 5s));
  EXPECT_EQ(lab.node("lb1").vrrpd->terminate(5s).code, 0);
  EXPECT_TRUE(lab.wait_active("lb2", 5s));
  EXPECT_TRUE(eventually(5s, served));
  EXPECT_EQ(lab.node("lb1").lbcore->terminate(5s).code, 0);
  EXPECT_THAT(lab.logs(), ::testing::Not(::testing::HasSubstr("Operation not permitted")));
}

TEST_F(Hardening, ACallThatAUnitForbidsWouldBeSeen) {
  const auto run = [&](const std::string& unit, std::vector<std::string> argv) {
    argv.insert(argv.begin(),
                {programs::confined(), std::string(HAPAIR_SOURCE_DIR) + "/systemd/" + unit});
    return run_program({.argv = argv});
  };
  EXPECT_EQ(run("hapair-lbcore.service", {"true"}).exit.code, 0);
  EXPECT_EQ(run("hapair-lbcore.service", {"umount", "/nowhere"}).exit.signal, SIGSYS);
  EXPECT_EQ(run("hapair-vrrpd.service", {"true"}).exit.code, 0);
  EXPECT_EQ(run("hapair-vrrpd.service", {"umount", "/nowhere"}).exit.signal, SIGSYS);
}

}  // namespace
}  // namespace hapair::test
