// UDP services between real namespaces: who serves whom, and what happens to flows when servers,
// configuration or services change.
#include "tests/netns/lbcore/udp.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/support/programs.h"

namespace hapair::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class UdpTraffic : public LbcoreLab {
 protected:
  static constexpr uint16_t kPort = 8080;  // where an HTTP server tells the checks of its health

  void SetUp() override {
    LbcoreLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    for (size_t number = 1; number <= 3; ++number) {
      servers_.emplace_back(std::make_unique<DatagramServer>(
          server(number), fmt::format("s{}", number), address(number)));
    }
  }
  void TearDown() override {
    servers_.clear();
    LbcoreLab::TearDown();
  }

  static Endpoint address(size_t number) {
    return {IpAddress::parse(fmt::format("10.0.1.{}", 10 + number)).value(), kPort};
  }
  /// Service dns on the VIP's port 53 with the servers of pool web.
  static std::string with_dns(const std::string& service = "", const std::string& pool = kPool) {
    return config(pool, "[service dns]\nlisten = udp 10.0.0.100:53\npool = web\n" + service);
  }
  DatagramClient connect(const IpAddress& source = IpAddress()) {
    return DatagramClient(client(), vip(53), source);
  }
  std::vector<DatagramClient> connect(int count) {
    std::vector<DatagramClient> clients;
    for (int i = 0; i < count; ++i) clients.push_back(connect());
    return clients;
  }
  std::string pairadm(std::vector<std::string> words) {
    words.insert(words.begin(), {programs::pairadm()});
    words.insert(words.end(), {"--run-dir", run_dir()});
    return lb().exec(words);
  }
  void kill_server(size_t number) { servers_[number - 1].reset(); }

 private:
  std::vector<std::unique_ptr<DatagramServer>> servers_;
};

TEST_F(UdpTraffic, FlowsSpreadStayOverAReloadAndEndWhenIdle) {
  start(with_dns());
  auto clients = connect(120);
  std::vector<std::string> server_of;
  std::map<std::string, int> share;
  for (auto& each : clients) ++share[server_of.emplace_back(each.server())];
  ASSERT_EQ(share.size(), 3U);
  for (const auto& [name, count] : share) EXPECT_NEAR(count, 40, 2) << name;

  reload(with_dns("", std::string(kPool) + "connect_timeout = 2s\n"));
  for (size_t i = 0; i < clients.size(); ++i) EXPECT_EQ(clients[i].server(), server_of[i]) << i;
  control::Service dns = service("dns");
  EXPECT_EQ(dns.counters().connections(), 120U);
  EXPECT_EQ(dns.counters().active(), 120U);
  EXPECT_EQ(dns.counters().failed(), 0U);
  EXPECT_EQ(dns.counters().bytes_in(), 240U);
  EXPECT_EQ(dns.counters().bytes_out(), 240U * 4);
  EXPECT_EQ(dns.idle_timeout_ms(), 300'000U);

  reload(with_dns("idle_timeout = 100ms\n", std::string(kPool) + "connect_timeout = 2s\n"));
  EXPECT_TRUE(eventually(5s, [&] { return service("dns").counters().active() == 0; }));
  dns = service("dns");
  for (const control::Server& each : dns.servers()) {
    EXPECT_EQ(each.counters().active(), 0U);
  }
}

TEST_F(UdpTraffic, FlowsLeaveAServerThatIsDownWithoutLosingADatagram) {
  start(with_dns());
  auto clients = connect(30);
  for (auto& each : clients) each.server();
  ASSERT_TRUE(get_from(lb(), address(2), "/set?health=503").ok());
  ASSERT_TRUE(eventually(5s, [&] { return !service("dns").servers(1).up(); }));
  std::map<std::string, int> share;
  for (auto& each : clients) ++share[each.server()];
  EXPECT_EQ(share.size(), 2U);
  EXPECT_EQ(share["s1"] + share["s3"], 30);
}

TEST_F(UdpTraffic, AServerThatRefusesIsLeftByItsFlowsWithoutACheck) {
  start(with_dns("", "scheduler = rr\ncheck = none\n"));
  auto clients = connect(12);
  std::vector<DatagramClient*> of_the_dead;
  for (auto& each : clients) {
    if (each.server() == "s1") of_the_dead.push_back(&each);
  }
  ASSERT_GE(of_the_dead.size(), 3U);
  kill_server(1);
  const auto failed = [&] { return service("dns").servers(0).counters().failed(); };
  for (uint64_t refusals = 1; DatagramClient* const each : of_the_dead) {
    each->say("lost");
    ASSERT_TRUE(eventually(5s, [&] { return failed() == refusals; }));
    EXPECT_THAT(each->server("y"), ::testing::AnyOf("s2", "s3"));
    ++refusals;
  }
  EXPECT_EQ(service("dns").servers(0).counters().active(), 0U);
}

TEST_F(UdpTraffic, FlowsAreSeenAsConnectionsAre) {
  const std::string log = run_dir() + "-access.log";
  std::string text = with_dns("", "scheduler = rr\ncheck = none\n");
  text.insert(text.find("[service"), "access_log = " + log + "\n");
  start(text);
  auto clients = connect(3);
  std::set<size_t> used;  // each worker begins with the first
  for (auto& each : clients) used.insert(static_cast<size_t>(each.server().at(1) - '0'));
  const std::string listed = pairadm({"-Lcn", "-u", "10.0.0.100:53"});
  EXPECT_EQ(std::ranges::count(listed, '\n'), 2 + 3) << listed;
  for (const size_t number : used) {
    EXPECT_THAT(listed, ContainsRegex("UDP 0[45]:[0-9]+  *UDP  *10\\.0\\.0\\.10:[0-9]+  *"
                                      "10\\.0\\.0\\.100:53  *" +
                                      address(number).to_string()));
  }
  EXPECT_THAT(pairadm({"-Ln", "--stats", "-u", "10.0.0.100:53"}),
              ContainsRegex("UDP  10\\.0\\.0\\.100:53  *3  *3  *3  *3  *12"));
  text.insert(text.find("pool = web", text.find("udp")), "idle_timeout = 100ms\n");
  reload(text);
  EXPECT_TRUE(eventually(5s, [&] {
    const std::string lines = read_file(log);
    return std::ranges::count(lines, '\n') == 3;
  }));
  EXPECT_THAT(read_file(log), ContainsRegex(" dns web/s[123] [0-9./-]+ 1/4 -- 0 scheduler\n"));
}

TEST_F(UdpTraffic, AServerThatRefusesDatagramsIsEjected) {
  start(with_dns("", "scheduler = rr\ncheck = none\npassive = failures 2 eject 1m\n"));
  kill_server(1);
  EXPECT_TRUE(eventually(10s, [&] {
    connect().say("x");
    return !service("dns").servers(0).ejected().empty();
  }));
  EXPECT_THAT(service("dns").servers(0).ejected(), HasSubstr("last: Connection refused"));
  auto clients = connect(6);
  for (auto& each : clients) EXPECT_THAT(each.server(), ::testing::AnyOf("s2", "s3"));
}

TEST_F(UdpTraffic, DatagramsOfAnyLengthArriveWhole) {
  start(with_dns());
  auto one = connect();
  for (const size_t length : {size_t{0}, size_t{1473}, size_t{9000}, size_t{65507}}) {
    std::string text(length, 'a');
    for (size_t i = 0; i < length; ++i) text[i] = static_cast<char>('a' + i * i % 23);
    const std::string answer = one.ask(text);
    EXPECT_TRUE(answer == text || answer.substr(answer.find(' ') + 1) == text)
        << length << ": " << answer.size() << " " << answer.substr(0, 60);
  }
}

TEST_F(UdpTraffic, PairadmMakesAOneShotServiceAndTakesItAway) {
  start("[lbcore]\nworkers = 2\n");
  pairadm({"-A", "-u", "10.0.0.100:53", "-s", "rr", "-o"});
  for (size_t number = 1; number <= 3; ++number) {
    pairadm({"-a", "-u", "10.0.0.100:53", "-r", address(number).to_string()});
  }
  EXPECT_THAT(pairadm({"-Ln"}), HasSubstr("UDP  10.0.0.100:53 rr ops\n"));
  auto one = connect();
  std::map<std::string, int> share;
  for (int i = 0; i < 30; ++i) ++share[one.server()];
  EXPECT_THAT(share, ElementsAre(Pair("s1", 10), Pair("s2", 10), Pair("s3", 10)));
  const control::Service dns = service("udp-10.0.0.100:53");
  EXPECT_EQ(dns.counters().connections(), 30U);
  EXPECT_EQ(dns.counters().active(), 3U);

  pairadm({"-D", "-u", "10.0.0.100:53"});
  EXPECT_TRUE(eventually(5s, [&] {
    one.say("x");
    return one.hear(100ms) == "Connection refused";
  }));
  EXPECT_THAT(pairadm({"-Ln"}), ::testing::Not(HasSubstr("UDP")));
}

TEST_F(UdpTraffic, AClientHasOneServerForBothProtocols) {
  start(with_dns("", std::string(kPool) + "sticky = source/32 10m\n"));
  std::set<std::string> used;
  for (int host = 1; host <= 9; ++host) {
    const IpAddress source = IpAddress::parse(fmt::format("10.1.0.{}", host)).value();
    const std::string over_udp = connect(source).server();
    EXPECT_EQ(connect(source).server(), over_udp) << "from another port";
    EXPECT_EQ(get("/", source).server, over_udp) << "over TCP";
    used.insert(over_udp);
  }
  EXPECT_EQ(used.size(), 3U);
  EXPECT_EQ(service("dns").sessions(), 9U);
}

}  // namespace
}  // namespace hapair::test
