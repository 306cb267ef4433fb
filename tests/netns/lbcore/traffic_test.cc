// Clients, lbcore and three real HTTP servers: who serves whom, and what happens when a server
// dies.
#include <csignal>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

using Traffic = LbcoreLab;

TEST_F(Traffic, CurlReachesEveryServerInTurn) {
  start(config());
  std::set<std::string> seen;
  for (int i = 0; i < 12; ++i) {
    seen.insert(client().exec({"curl", "-sS", "--max-time", "5", "http://10.0.0.100/"}));
  }
  EXPECT_THAT(seen, ElementsAre("s1 for 10.0.1.1\n", "s2 for 10.0.1.1\n", "s3 for 10.0.1.1\n"));
}

TEST_F(Traffic, CountersSayWhatHappened) {
  start(config());
  requests(30);
  const UniqueFd open = connect_from(client(), vip());
  ASSERT_TRUE(test::get(open.get(), "/").ok());
  ASSERT_TRUE(eventually(5s, [&] { return service().counters().active() == 1; }));
  const control::Service web = service();
  EXPECT_EQ(web.counters().connections(), 31U);
  EXPECT_EQ(web.counters().failed(), 0U);
  EXPECT_GT(web.counters().bytes_out(), web.counters().bytes_in() / 4);
  uint64_t connections = 0;
  uint64_t bytes_in = 0;
  for (const control::Server& server : web.servers()) {
    connections += server.counters().connections();
    bytes_in += server.counters().bytes_in();
    EXPECT_TRUE(server.up());
    EXPECT_THAT(server.check(), ::testing::StartsWith("L7OK 200"));
  }
  EXPECT_EQ(connections, 31U);
  EXPECT_EQ(bytes_in, web.counters().bytes_in());
}

TEST_F(Traffic, WeightsDecideTheShare) {
  // One worker: the sequence is exact.
  start(
      "[lbcore]\nworkers = 1\n[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
      "[pool web]\nscheduler = wrr\ncheck = tcp interval 100ms timeout 100ms\n"
      "[server web/s1]\naddress = 10.0.1.11:8080\nweight = 3\n"
      "[server web/s2]\naddress = 10.0.1.12:8080\nweight = 1\n"
      "[server web/s3]\naddress = 10.0.1.13:8080\nweight = 0\n");
  EXPECT_THAT(requests(40), ElementsAre(Pair("s1", 30), Pair("s2", 10)));
}

TEST_F(Traffic, AKilledServerCostsNoClientAnError) {
  // Without a check nobody tells lbcore: every second and third client meets the dead one first.
  start(config("scheduler = rr\ncheck = none\nconnect_timeout = 300ms\n"));
  requests(6);
  origin(1)->signal(SIGKILL);
  origin(1)->wait(5s);
  const auto answers = requests(30);
  EXPECT_EQ(answers.count("s1"), 0U);
  const control::Service web = service();
  EXPECT_EQ(web.counters().failed(), 0U);
  EXPECT_GT(web.servers(0).counters().failed(), 5U);
}

TEST_F(Traffic, AnUnreachableServerCostsTimeButNoError) {
  start(config("scheduler = rr\ncheck = none\nconnect_timeout = 100ms\n"));
  lb().ip("route add blackhole 10.0.1.11/32");
  lb().nft(
      "table inet silent {\n"
      "  chain out {\n"
      "    type filter hook output priority 0\n"
      "    ip daddr 10.0.1.12 drop\n"
      "  }\n"
      "}\n");
  const auto answers = requests(10);
  EXPECT_THAT(answers, ElementsAre(Pair("s3", 10)));
}

TEST_F(Traffic, AServerWhoseCheckFailsGetsNobodyAndComesBack) {
  start(config());
  ASSERT_TRUE(
      get_from(lb(), {IpAddress::parse("10.0.1.12").value(), 8080}, "/set?health=503").ok());
  ASSERT_TRUE(eventually(5s, [&] { return !service().servers(1).up(); }));
  EXPECT_EQ(requests(12).count("s2"), 0U);
  get_from(lb(), {IpAddress::parse("10.0.1.12").value(), 8080}, "/set?health=200");
  ASSERT_TRUE(eventually(5s, [&] { return service().servers(1).up(); }));
  EXPECT_EQ(requests(12).count("s2"), 1U);
}

TEST_F(Traffic, NoServerMeansAResetAndTheNodeStillServes) {
  start(config());
  for (size_t number = 1; number <= 3; ++number) origin(number)->signal(SIGKILL);
  ASSERT_TRUE(eventually(5s, [&] {
    const control::Service web = service();
    return !web.servers(0).up() && !web.servers(1).up() && !web.servers(2).up();
  }));
  EXPECT_EQ(get().error, "Connection reset by peer");
  EXPECT_TRUE(status().serving()) << "health of servers never moves the VIP";
}

TEST_F(Traffic, AClientKeepsItsServer) {
  start(config(std::string(kPool) + "sticky = source/32 10m\n"));
  std::map<int, std::string> server_of;
  std::set<std::string> used;
  for (int round = 0; round < 3; ++round) {
    for (int host = 1; host <= 30; ++host) {
      const Answer answer = get("/", IpAddress::parse(fmt::format("10.1.0.{}", host)).value());
      ASSERT_TRUE(answer.ok()) << answer.error;
      if (round == 0) server_of[host] = answer.server;
      EXPECT_EQ(answer.server, server_of[host]) << "10.1.0." << host;
      used.insert(answer.server);
    }
  }
  EXPECT_EQ(used.size(), 3U);
  EXPECT_EQ(service().sessions(), 30U);
}

TEST_F(Traffic, TheSessionsOfADeadServerMove) {
  start(config(std::string(kPool) + "sticky = source/32 10m\n"));
  const std::string first = get().server;
  const auto number = static_cast<size_t>(first.back() - '0');
  origin(number)->signal(SIGKILL);
  origin(number)->wait(5s);
  const std::string second = get().server;
  EXPECT_NE(second, first);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get().server, second);
}

TEST_F(Traffic, BigAnswersArriveWhole) {
  start(config());
  for (const char* path : {"/big?bytes=1", "/big?bytes=65537", "/big?bytes=50000000"}) {
    const Answer answer = get(path);
    EXPECT_TRUE(answer.intact()) << path << " " << answer.error;
  }
}

}  // namespace
}  // namespace hapair::test
