// This machine refuses something: a port, descriptors, a reader that does not read.
#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/support/programs.h"
#include "tests/support/sanitized.h"

namespace hapair::test {
namespace {

using ::testing::HasSubstr;

class Limits : public LbcoreLab {
 protected:
  /// Connections that have asked nothing yet.
  std::vector<UniqueFd> idle_clients(size_t count) {
    std::vector<UniqueFd> clients(count);
    for (UniqueFd& each : clients) each = connect_from(client(), vip());
    return clients;
  }
  /// Connections that each had an answer.
  std::vector<UniqueFd> served_clients(size_t count) {
    std::vector<UniqueFd> clients = idle_clients(count);
    for (const UniqueFd& each : clients) EXPECT_TRUE(test::get(each.get(), "/").ok());
    return clients;
  }
  /// CPU time of lbcore so far.
  Duration cpu() {
    clockid_t clock{};
    timespec used{};
    EXPECT_EQ(::clock_getcpuclockid(lbcore().pid(), &clock), 0);
    EXPECT_EQ(::clock_gettime(clock, &used), 0);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }
};

TEST_F(Limits, AnOccupiedPortLeavesTheOtherServicesAlone) {
  UniqueFd other = listen_in(lb(), vip(81));
  start(config(kPool, "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n"), false);
  EXPECT_TRUE(eventually(5s, [&] { return get().ok(); }));
  EXPECT_EQ(service("more").trouble(), "listen on tcp 10.0.0.100:81: Address already in use");
  EXPECT_FALSE(status().serving());
  EXPECT_EQ(status().not_serving_reason(),
            "service more: listen on tcp 10.0.0.100:81: Address already in use");
  EXPECT_TRUE(
      lbcore().wait_for_output("service: more: listen on tcp 10.0.0.100:81: Address "
                               "already in use; tried again every 1s",
                               5s));

  // A change of something else is taken although that service is still in trouble.
  reload(config("scheduler = wlc\n", "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n"));

  other.reset();
  EXPECT_TRUE(eventually(5s, [&] { return status().serving(); }));
  EXPECT_TRUE(get_from(client(), vip(81), "/").ok());
  EXPECT_EQ(service("more").trouble(), "");
}

TEST_F(Limits, ASecondInstanceRefusesToStart) {
  start(config());
  const Finished second = lb().try_exec(
      {programs::lbcore(), "--config", "/dev/null", "--run-dir", run_dir(), "--node", "lb1"});
  EXPECT_EQ(second.exit.code, 1);
  EXPECT_THAT(second.err,
              HasSubstr("lbcore runs already with pid " + std::to_string(lbcore().pid())));
  EXPECT_TRUE(get().ok());
}

TEST_F(Limits, ALowDescriptorLimitLetsClientsWait) {
  start(config(), true, {"prlimit", "--nofile=200:200"});
  // (200 - 64) / 2 connections fit.
  std::vector<UniqueFd> clients = served_clients(60);
  std::vector<UniqueFd> waiting = idle_clients(40);
  EXPECT_TRUE(lbcore().wait_for_output("new clients wait", 5s));
  const Duration before = cpu();
  EXPECT_TRUE(holds_for(500ms, [&] { return lbcore().running(); }));
  EXPECT_LT(cpu() - before, 100ms) << "it spins";
  for (const UniqueFd& each : clients) EXPECT_TRUE(test::get(each.get(), "/").ok());
  clients.clear();
  for (const UniqueFd& each : waiting) EXPECT_TRUE(test::get(each.get(), "/").ok());
  waiting.clear();
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
  EXPECT_EQ(service().counters().failed(), 0U);
  EXPECT_TRUE(get().ok());
}

TEST_F(Limits, AFullDescriptorTableIsSurvived) {
  start(config("scheduler = rr\ncheck = none\nconnect_timeout = 5s\n"));
  const std::vector<UniqueFd> clients = served_clients(20);
  // Taken away while it runs: accept() and socket() fail now.
  rlimit usual{};
  ASSERT_EQ(::prlimit(lbcore().pid(), RLIMIT_NOFILE, nullptr, &usual), 0);
  const rlimit low{.rlim_cur = 70, .rlim_max = usual.rlim_max};
  ASSERT_EQ(::prlimit(lbcore().pid(), RLIMIT_NOFILE, &low, nullptr), 0);
  const std::vector<UniqueFd> waiting = idle_clients(30);
  EXPECT_TRUE(lbcore().wait_for_output("accepting pauses: Too many open files", 5s));
  const Duration before = cpu();
  EXPECT_TRUE(holds_for(500ms, [&] { return lbcore().running(); }));
  EXPECT_LT(cpu() - before, 100ms) << "it spins";
  for (const UniqueFd& each : clients) EXPECT_TRUE(test::get(each.get(), "/").ok());
  ASSERT_EQ(::prlimit(lbcore().pid(), RLIMIT_NOFILE, &usual, nullptr), 0);
  for (const UniqueFd& each : waiting) EXPECT_TRUE(test::get(each.get(), "/").ok());
  EXPECT_EQ(service().counters().failed(), 0U);
}

TEST_F(Limits, SlowReadersCostBoundedMemory) {
  start(config("scheduler = rr\ncheck = none\n"));
  requests(20);
  const size_t before = memory();
  std::vector<UniqueFd> readers;
  constexpr size_t kReaders = 60;
  const std::string request = "GET /big?bytes=30000000 HTTP/1.1\r\nHost: t\r\n\r\n";
  for (size_t i = 0; i < kReaders; ++i) {
    readers.push_back(connect_from(client(), vip()));
    ASSERT_GT(::send(readers.back().get(), request.data(), request.size(), 0), 0);
  }
  // Until nothing moves any more.
  uint64_t last = 0;
  TimePoint moved = Clock::now();
  ASSERT_TRUE(eventually(30s, [&] {
    const uint64_t now = service().counters().bytes_out();
    if (std::exchange(last, now) != now) moved = Clock::now();
    return now > kReaders * 100000 && Clock::now() - moved > 300ms;
  }));
  // At most one scratch buffer for each direction that is held up; a sanitizer keeps what was
  // given back for a while.
  const size_t slack = size_t{kSanitized ? 16 : 4} << 20;
  EXPECT_LT(memory() - before, kReaders * (size_t{64} << 10) + slack);
  readers.clear();
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
}

TEST_F(Limits, NineThousandIdleConnectionsOwnNoBuffer) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit enough{.rlim_cur = 20'000, .rlim_max = std::max<rlim_t>(usual.rlim_max, 20'000)};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &enough), 0);
  for (size_t number = 1; number <= 3; ++number) {
    ASSERT_EQ(::prlimit(origin(number)->pid(), RLIMIT_NOFILE, &enough, nullptr), 0);
  }
  start(config(kPool), true, {"prlimit", "--nofile=20000:20000"});
  requests(50);
  const size_t before = memory();
  const std::vector<UniqueFd> idle = served_clients(kSanitized ? 1000 : 9000);
  // The structures of the kernel are not in it; a sanitizer surrounds every block.
  EXPECT_LT((memory() - before) / idle.size(), kSanitized ? 16384U : 1024U);
  EXPECT_TRUE(get().ok()) << "another one is served";
  ::setrlimit(RLIMIT_NOFILE, &usual);
}

TEST_F(Limits, ABadPairKeySwitchesReplicationOffAndNothingElse) {
  start(config(kPool,
               "[pair]\naddress@lb1 = 10.0.0.1:7400\naddress@lb2 = 10.0.0.2:7400\n"
               "key_file = /nonexistent/pair.key\n"));
  EXPECT_TRUE(lbcore().wait_for_output("replication: off, sessions stay on this node: ", 5s));
  EXPECT_TRUE(get().ok());
  const control::NodeStatus node = status();
  EXPECT_EQ(node.sync().state(), "disconnected");
  EXPECT_THAT(node.sync().detail(), HasSubstr("/nonexistent/pair.key"));
  EXPECT_TRUE(node.serving());
}

}  // namespace
}  // namespace hapair::test
