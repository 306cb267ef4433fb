// -S prints what -R reads; -R sends everything at once and tells the line of a mistake. -Z.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::Reply listing() {
  control::Reply reply;
  auto& web = *reply.mutable_listing()->add_services();
  web.mutable_key()->set_listen("192.0.2.10:80");
  web.set_scheduler("wrr");
  web.set_sticky_seconds(600);
  web.set_sticky_prefix_length(24);
  for (const char* address : {"10.0.0.3:8080", "10.0.0.2:8080"}) {
    auto& server = *web.add_servers();
    server.set_address(address);
    server.set_weight(100);
    server.set_max_connections(50);
    server.set_min_connections(std::string(address).starts_with("10.0.0.2") ? 40 : 0);
    server.set_admin(std::string(address).starts_with("10.0.0.2") ? "drain" : "enabled");
  }
  auto& six = *reply.mutable_listing()->add_services();
  six.mutable_key()->set_listen("[2001:db8::1]:443");
  six.set_scheduler("wlc");
  six.set_sticky_seconds(60);
  six.set_sticky_prefix_length(128);
  return reply;
}

constexpr const char* kSaved =
    "-A -t 192.0.2.10:80 -s wrr -p 600 -M 255.255.255.0\n"
    "-a -t 192.0.2.10:80 -r 10.0.0.3:8080 -w 100 -x 50\n"
    "-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -w 100 -x 50 -y 40 --state drain\n"
    "-A -t [2001:db8::1]:443 -s wlc -p 60\n";

TEST(Save, PrintsCommandsInTheOrderOfTheTable) {
  FakeShell shell;
  shell.daemons["lbcore"] = listing();
  EXPECT_EQ(shell.run(words("-S")), 0);
  EXPECT_EQ(shell.out.str(), kSaved);
  FakeShell numeric;
  numeric.daemons["lbcore"] = listing();
  EXPECT_EQ(numeric.run(words("-Sn")), 0);
  EXPECT_EQ(numeric.out.str(), kSaved);
}

TEST(Restore, SendsEveryCommandAtOnce) {
  FakeShell shell;
  shell.daemons["lbcore"] = control::Reply();
  shell.in.str(std::string("# the table of May\n\n-C\n") + kSaved);
  EXPECT_EQ(shell.run(words("-R")), 0) << shell.err.str();
  ASSERT_EQ(shell.asked.size(), 1U);
  const auto& commands = shell.asked[0].restore_table().commands();
  ASSERT_EQ(commands.size(), 5);
  EXPECT_TRUE(commands.Get(0).has_clear());
  EXPECT_EQ(commands.Get(1).add_service().sticky_prefix_length(), 24U);
  EXPECT_EQ(commands.Get(3).add_server().admin(), "drain");
  EXPECT_EQ(commands.Get(4).add_service().key().listen(), "[2001:db8::1]:443");
}

TEST(Restore, EveryMistakeOfALineIsTold) {
  FakeShell shell;
  shell.daemons["lbcore"] = control::Reply();
  shell.in.str("-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80\nfrob\n  # fine\n-L\n-R\n");
  EXPECT_EQ(shell.run(words("-R")), 2);
  EXPECT_EQ(shell.err.str(),
            "pairadm: line 2: -a needs the server: -r ADDRESS[:PORT]\n"
            "pairadm: line 3: unknown command frob; see pairadm -h\n"
            "pairadm: line 5: only -A, -E, -D, -a, -e, -d, -C and --set with their own options "
            "may stand here\n"
            "pairadm: line 6: only -A, -E, -D, -a, -e, -d, -C and --set with their own options "
            "may stand here\n"
            "pairadm: nothing was changed\n");
  EXPECT_TRUE(shell.asked.empty());
}

TEST(Restore, ARefusalNamesItsLine) {
  FakeShell shell;
  control::Reply refused;
  refused.set_code(control::NOT_FOUND);
  refused.set_message("Service not defined: TCP 192.0.2.10:81");
  refused.set_failed_command(2);
  shell.daemons["lbcore"] = refused;
  shell.in.str("-A -t 192.0.2.10:80\n# two\n\n-a -t 192.0.2.10:81 -r 10.0.0.2\n");
  EXPECT_EQ(shell.run(words("-R")), 255);
  EXPECT_EQ(shell.err.str(),
            "pairadm: line 4: Service not defined: TCP 192.0.2.10:81\n"
            "pairadm: nothing was changed\n");
}

TEST(Restore, MoreThanADaemonTakesIsNotSent) {
  FakeShell shell;
  std::string lines;
  for (int i = 0; i < 60000; ++i) lines += "-A -t 192.0.2.10:80\n";
  shell.in.str(lines);
  EXPECT_EQ(shell.run(words("-R")), 2);
  EXPECT_TRUE(shell.asked.empty());
  EXPECT_NE(shell.err.str().find("60000 commands are more than fit"), std::string::npos);
}

TEST(Timeouts, AreListedAndSaved) {
  FakeShell shell;
  auto reply = listing();
  auto& timeouts = *reply.mutable_listing()->mutable_timeouts();
  timeouts.set_tcp(900);
  timeouts.set_tcpfin(120);
  timeouts.set_udp(300);
  shell.daemons["lbcore"] = reply;
  EXPECT_EQ(shell.run(words("-L --timeout")), 0);
  EXPECT_EQ(shell.out.str(), "Timeout (tcp tcpfin udp): 900 120 300\n");
  shell.out.str({});
  EXPECT_EQ(shell.run(words("-S")), 0);
  EXPECT_EQ(shell.out.str(), std::string("--set 900 120 300\n") + kSaved);
  shell.in.str(shell.out.str());
  EXPECT_EQ(shell.run(words("-R")), 0) << shell.err.str();
  EXPECT_EQ(shell.asked.back().restore_table().commands(0).set_timeouts().tcpfin(), 120U);
  shell.out.str({});
  EXPECT_EQ(shell.run(words("-L --timeout --json")), 0);
  EXPECT_EQ(shell.out.str(), R"({
  "timeouts": {
    "tcp": 900,
    "tcpfin": 120,
    "udp": 300
  }
}
)");
}

TEST(Zero, AllOrOneService) {
  FakeShell shell;
  shell.daemons["lbcore"] = control::Reply();
  EXPECT_EQ(shell.run(words("-Z")), 0);
  EXPECT_FALSE(shell.asked[0].zero().has_service());
  EXPECT_EQ(shell.run(words("-Z -t 192.0.2.10:80")), 0);
  EXPECT_EQ(shell.asked[1].zero().service().listen(), "192.0.2.10:80");
}

}  // namespace
}  // namespace hapair::pairadm
