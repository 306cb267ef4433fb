// The test support proves itself: what the netns tests lean on must not lie to them.
#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/client_load.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/pair_lab.h"
#include "tests/support/prober.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/switch.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SupportTest : public RootTest {};

TEST_F(SupportTest, ProcessKeepsOutputAndExitStatus) {
  const Finished finished = run_program(
      {.argv = {"sh", "-c", "echo to out; echo to err >&2; cat; exit 7"}, .stdin_text = "in"});
  EXPECT_EQ(finished.exit.code, 7);
  EXPECT_EQ(finished.out, "to out\nin");
  EXPECT_EQ(finished.err, "to err\n");
}

TEST_F(SupportTest, ProcessThatCannotStartSaysWhich) {
  try {
    const Process process({.argv = {"/nonexistent/program"}});
    FAIL() << "started";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent/program"));
  }
}

TEST_F(SupportTest, DestructorEndsAProcessThatIgnoresSigterm) {
  pid_t pid = 0;
  {
    Process process(
        {.argv = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"}});
    ASSERT_TRUE(process.wait_for_output("ready", 5s));
    pid = process.pid();
    EXPECT_EQ(process.terminate(50ms).signal, SIGKILL);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(SupportTest, ChildrenAreFound) {
  Process process({.argv = {"sh", "-c", "sleep 30 & sleep 30 & echo ready; wait"}});
  ASSERT_TRUE(process.wait_for_output("ready", 5s));
  EXPECT_EQ(process.children().size(), 2U);
  for (const pid_t child : process.children()) ::kill(child, SIGKILL);
}

TEST_F(SupportTest, NamespaceKillsWhatIsLeftInIt) {
  pid_t grandchild = 0;
  {
    const Namespace inside("ns");
    Process process({.argv = {"sh", "-c", "sleep 30 & echo $!; wait"}, .in = &inside});
    ASSERT_TRUE(eventually(5s, [&] { return process.out().ends_with('\n'); }));
    grandchild = std::stoi(process.out());
    process.signal(SIGKILL);  // leaves an orphan
    EXPECT_TRUE(eventually(5s, [&] { return inside.processes() == std::vector<int>{grandchild}; }));
  }
  EXPECT_TRUE(eventually(5s, [&] { return ::kill(grandchild, 0) != 0; }));
}

TEST_F(SupportTest, NamespaceShowsItsAddresses) {
  const Namespace left("left");
  const Namespace right("right");
  Switch lan("lan");
  lan.connect(left, "eth0", "192.0.2.1/24");
  lan.connect(right, "eth0", "2001:db8::2/64");
  EXPECT_THAT(left.addresses(), ElementsAre("192.0.2.1"));
  EXPECT_THAT(right.addresses(), ElementsAre("2001:db8::2"));
  EXPECT_TRUE(left.has_address("192.0.2.1"));
  EXPECT_FALSE(right.has_address("192.0.2.1"));
  EXPECT_EQ(left.run([] { return 42; }), 42);
  EXPECT_THROW(left.run([]() -> int { throw std::runtime_error("x"); }), std::runtime_error);
}

/// Two nodes and a client on one switch, nothing of hapair: the VIP is moved by hand.
class ProberTest : public RootTest {
 protected:
  void SetUp() override {
    require_root();
    if (IsSkipped() || HasFatalFailure()) return;
    net_.emplace();
  }

  struct Net {
    Namespace client{"client"};
    Namespace one{"one"};
    Namespace two{"two"};
    Switch lan{"lan"};
    Responder responder_one{one, "one"};
    Responder responder_two{two, "two"};
    Net() {
      lan.connect(client, "eth0", "192.0.2.10/24");
      lan.connect(one, "eth0", "192.0.2.1/24");
      lan.connect(two, "eth0", "192.0.2.2/24");
      one.ip("address add 192.0.2.100/32 dev eth0");
    }
  };
  std::optional<Net> net_;
};

TEST_F(ProberTest, UdpSeesTheGapAndWhoAnswers) {
  const UdpProber prober(net_->client, "192.0.2.100", 250us);
  ASSERT_TRUE(eventually(5s, [&] { return prober.log().last_answer() == "one"; }));
  const TimePoint mark = Clock::now();
  net_->one.ip("address del 192.0.2.100/32 dev eth0");
  ASSERT_TRUE(eventually(5s, [&] { return Clock::now() - mark > 100ms; }));
  net_->two.ip("address add 192.0.2.100/32 dev eth0");
  // Nobody announced the move: the client's neighbour entry is stale, as a missing GARP would leave
  // it.
  net_->client.ip("neighbour flush dev eth0");
  ASSERT_TRUE(eventually(5s, [&] { return prober.log().last_answer() == "two"; }));
  const auto gaps = prober.log().gaps(mark, 50ms);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_GE(gaps[0].length(), 90ms);
  EXPECT_GE(gaps[0].probes_lost, 100U);
  EXPECT_EQ(prober.log().longest_gap(mark), gaps[0].length());
  const auto stretches = prober.log().stretches(mark);
  EXPECT_EQ(stretches.back().who, "two");
}

TEST_F(ProberTest, TcpSeesConnectsAndRefusals) {
  TcpProber prober(net_->client, "192.0.2.100", 8080);
  ASSERT_TRUE(eventually(5s, [&] { return prober.refused() > 10; }));
  EXPECT_EQ(prober.log().answers(TimePoint{}), 0U);
  const Process server(
      {.argv = {programs::origin(), "--listen", "0.0.0.0:8080"}, .in = &net_->one});
  EXPECT_TRUE(eventually(10s, [&] { return prober.log().answers(TimePoint{}) > 20; }));
}

TEST_F(ProberTest, ArpSeesTwoNodesAnsweringForOneAddress) {
  const Namespace observer("observer");
  net_->lan.connect(observer, "eth0", "192.0.2.11/24");
  const ArpProber prober(observer, "eth0", "192.0.2.100",
                         {{net_->one.mac("eth0"), "one"}, {net_->two.mac("eth0"), "two"}});
  ASSERT_TRUE(eventually(5s, [&] { return prober.log().last_answer() == "one"; }));
  const TimePoint mark = Clock::now();
  EXPECT_EQ(prober.log().dual_window(mark), Duration::zero());
  net_->two.ip("address add 192.0.2.100/32 dev eth0");
  EXPECT_TRUE(eventually(5s, [&] { return prober.log().dual_window(mark) > 20ms; }));
}

TEST_F(ProberTest, LostCableAndDeadPortCutANodeOff) {
  const UdpProber prober(net_->client, "192.0.2.100");
  const auto answering = [&] { return prober.log().longest_gap(Clock::now() - 20ms) < 15ms; };
  ASSERT_TRUE(eventually(5s, answering));
  net_->lan.set_cable(net_->one, "eth0", false);
  EXPECT_TRUE(eventually(5s, [&] { return !answering(); }));
  EXPECT_THAT(net_->one.ip("link show eth0"), HasSubstr("NO-CARRIER"));
  net_->lan.set_cable(net_->one, "eth0", true);
  EXPECT_TRUE(eventually(5s, answering));
  net_->lan.set_forwarding(net_->one, "eth0", false);
  EXPECT_TRUE(eventually(5s, [&] { return !answering(); }));
  EXPECT_THAT(net_->one.ip("link show eth0"), HasSubstr("LOWER_UP"));
  net_->lan.set_forwarding(net_->one, "eth0", true);
  EXPECT_TRUE(eventually(5s, answering));
}

TEST_F(ProberTest, LossDropsAShare) {
  const UdpProber prober(net_->client, "192.0.2.100", 250us);
  ASSERT_TRUE(eventually(5s, [&] { return prober.log().answers(TimePoint{}) > 10; }));
  const Loss loss(net_->one, "eth0", 500);
  const TimePoint mark = Clock::now();
  ASSERT_TRUE(eventually(5s, [&] { return prober.log().answers(mark) > 200; }));
  size_t lost = 0;
  for (const Gap& gap : prober.log().gaps(mark, Duration::zero())) lost += gap.probes_lost;
  EXPECT_GT(lost, 100U);
}

class PairLabTest : public RootTest {};

TEST_F(PairLabTest, NetworksCarryClientsNodesAndServers) {
  PairLab lab({.servers = 2, .with_vrrpd = false, .with_lbcore = false});
  EXPECT_EQ(lab.active_node(), "");
  // As lbcore will: from each node to each server; as clients will: from any address of 10.1.0.0/16
  // to each node.
  for (const char* node : {"lb1", "lb2"}) {
    const Namespace& inside = lab.node(node).inside;
    const std::string own = lab.node(node).name == "lb1" ? "10.0.1.1" : "10.0.1.2";
    EXPECT_EQ(inside.exec({"curl", "-s", "-m", "5", "http://10.0.1.11:8080/"}),
              "s1 for " + own + "\n");
    EXPECT_EQ(inside.exec({"curl", "-s", "-m", "5", "http://10.0.1.12:8080/"}),
              "s2 for " + own + "\n");
  }
  lab.node("lb2").inside.ip("address add 10.0.0.100/24 dev eth0");
  EXPECT_TRUE(lab.wait_active("lb2", 1s));
  Process origin({.argv = {programs::origin(), "--name", "lb2", "--listen", "0.0.0.0:80"},
                  .in = &lab.node("lb2").inside});
  ASSERT_TRUE(origin.wait_for_output("listening", 5s));
  EXPECT_EQ(
      lab.client().exec({"curl", "-s", "-m", "5", "--interface", "10.1.7.9", "http://10.0.0.100/"}),
      "lb2 for 10.1.7.9\n");
  const UdpProber prober(lab.client(), PairLab::kVip);
  const auto watcher = lab.watch_vip();
  EXPECT_TRUE(eventually(5s, [&] { return prober.log().last_answer() == "lb2"; }));
  EXPECT_TRUE(eventually(5s, [&] { return watcher->log().last_answer() == "lb2"; }));
  lab.node("lb1").inside.ip("address add 10.0.0.100/24 dev eth0");
  EXPECT_THAT(lab.holders(), ElementsAre("lb1", "lb2"));
  EXPECT_EQ(lab.active_node(), "");

  lab.lose_node("lb2", PairLab::How::carrier);
  const auto pair_link_works = [&] {
    return lab.node("lb1").inside.try_exec({"curl", "-s", "-m", "1", "http://10.255.0.2/"}).ok();
  };
  EXPECT_FALSE(pair_link_works());
  lab.return_node("lb2", PairLab::How::carrier);
  EXPECT_TRUE(eventually(5s, pair_link_works));
}

TEST_F(PairLabTest, ClientLoadCountsSessionsFailuresAndOutage) {
  PairLab lab({.servers = 1, .with_vrrpd = false, .with_lbcore = false});
  const Namespace& node = lab.node("lb1").inside;
  node.ip("address add 10.0.0.100/24 dev eth0");
  Process origin(
      {.argv = {programs::origin(), "--name", "one", "--listen", "0.0.0.0:80"}, .in = &node});
  ASSERT_TRUE(origin.wait_for_output("listening", 5s));
  ClientLoad load(lab.client(), {.sessions = 200, .session_every = 200ms});
  ASSERT_TRUE(load.wait_served(5s));
  ASSERT_TRUE(load.wait_all(10s));
  EXPECT_EQ(load.report().fresh, 200U);

  load.mark();
  origin.signal(SIGKILL);
  ASSERT_TRUE(eventually(5s, [&] { return load.report().failed > 20; }));
  Process another(
      {.argv = {programs::origin(), "--name", "two", "--listen", "0.0.0.0:80"}, .in = &node});
  ASSERT_TRUE(load.wait_all(10s));
  const auto report = load.report();
  EXPECT_GT(report.outage, 20ms);
  EXPECT_EQ(report.changed, 200U);
  EXPECT_EQ(report.kept, 0U);
  EXPECT_EQ(report.servers, (std::map<std::string, size_t>{{"two", 200}}));
}

TEST(TempDirTest, IsRemovedWithContents) {
  std::string path;
  {
    const TempDir dir;
    path = dir.path();
    write_file(dir / "file", "text", 0600);
    EXPECT_EQ(read_file(dir / "file"), "text");
  }
  EXPECT_THROW(read_file(path + "/file"), std::system_error);
}

TEST(EventuallyTest, FailureSaysWhat) {
  const auto result = eventually(
      1ms, [] { return false; }, [] { return std::string("VIP on lb1"); });
  EXPECT_FALSE(result);
  EXPECT_THAT(result.message(), HasSubstr("VIP on lb1"));
}

}  // namespace
}  // namespace hapair::test
