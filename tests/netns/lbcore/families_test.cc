// IPv4 and IPv6, alone and mixed: {client} x {server} x {TCP, UDP}.
#include <memory>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/netns/lbcore/udp.h"
#include "tests/support/programs.h"

namespace hapair::test {
namespace {

Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

class Families : public LbcoreLab {
 protected:
  /// fd00::/64 beside 10.0.0.0/24 and fd01::/64 beside 10.0.1.0/24, the same host numbers; servers
  /// of datagrams and an origin on every server's IPv6 address.
  void add_ipv6() {
    client().ip("addr add fd00::10/64 dev eth0 nodad");
    lb().ip("addr add fd00::1/64 dev eth0 nodad");
    lb().ip("addr add fd00::100/128 dev eth0 nodad");
    lb().ip("route add fd02::/32 via fd00::10");
    lb().ip("addr add fd01::1/64 dev eth1 nodad");
    for (size_t number = 1; number <= 3; ++number) {
      const std::string ip = fmt::format("fd01::{}", 10 + number);
      const std::string name = fmt::format("s{}", number);
      server(number).ip(fmt::format("addr add {}/64 dev eth0 nodad", ip));
      origins_.emplace_back(
          Launch{.argv = {programs::origin(), "--name", name, "--listen", "[" + ip + "]:8080"},
                 .in = &server(number)});
      ASSERT_TRUE(origins_.back().wait_for_output("listening", 5s));
      servers_.push_back(
          std::make_unique<DatagramServer>(server(number), name, at("[" + ip + "]:8080")));
      servers_.push_back(std::make_unique<DatagramServer>(
          server(number), name, at(fmt::format("10.0.1.{}:8080", 10 + number))));
    }
  }
  void TearDown() override {
    servers_.clear();
    origins_.clear();
    LbcoreLab::TearDown();
  }

 private:
  std::vector<Process> origins_;
  std::vector<std::unique_ptr<DatagramServer>> servers_;
};

TEST_F(Families, EveryMixIsServedOverTcpAndUdp) {
  std::string text = "[lbcore]\nworkers = 2\n";
  for (const char* const family : {"4", "6"}) {
    text += fmt::format("[pool p{}]\ncheck = none\n", family);
    for (const char* const protocol : {"tcp", "udp"}) {
      const int port = family == std::string("4") ? 4000 : 6000;
      text += fmt::format(
          "[service {0}{1}-at-4]\nlisten = {1} 10.0.0.100:{2}\npool = p{0}\n"
          "[service {0}{1}-at-6]\nlisten = {1} [fd00::100]:{2}\npool = p{0}\n",
          family, protocol, port);
    }
  }
  text += "[server p4/s]\naddress = 10.0.1.11:8080\n[server p6/s]\naddress = [fd01::11]:8080\n";
  start(text);  // before the node has any IPv6 address
  add_ipv6();
  for (const char* const vip : {"10.0.0.100", "[fd00::100]"}) {
    for (const int port : {4000, 6000}) {
      const Endpoint target = at(fmt::format("{}:{}", vip, port));
      const Answer answer = get_from(client(), target, "/");
      EXPECT_EQ(answer.server, "s1") << target.to_string() << " " << answer.error;
      DatagramClient one(client(), target);
      EXPECT_EQ(one.server(), "s1") << target.to_string();
      const std::string big(60000, 'x');
      EXPECT_EQ(one.server(big), "s1") << target.to_string();
    }
  }
}

TEST_F(Families, ClientsOfOneIpv6PrefixShareASession) {
  std::string text =
      "[lbcore]\nworkers = 2\n[service web]\nlisten = tcp [fd00::100]:80\npool = p\n"
      "[service dns]\nlisten = udp [fd00::100]:53\npool = p\n"
      "[pool p]\nscheduler = rr\nsticky = source/64 10m\ncheck = none\n";
  for (int number = 1; number <= 3; ++number) {
    text += fmt::format("[server p/s{}]\naddress = [fd01::{}]:8080\n", number, 10 + number);
  }
  start(text);
  add_ipv6();
  std::string addresses;
  for (int prefix = 1; prefix <= 6; ++prefix) {
    for (int number = 1; number <= 3; ++number) {
      addresses += fmt::format("addr add fd02:0:0:{}::{}/128 dev lo nodad\n", prefix, number);
    }
  }
  client().ip_batch(addresses);
  std::set<std::string> used;
  for (int prefix = 1; prefix <= 6; ++prefix) {
    const auto host = [&](int number) {
      return IpAddress::parse(fmt::format("fd02:0:0:{}::{}", prefix, number)).value();
    };
    const std::string first = get_from(client(), at("[fd00::100]:80"), "/", host(1)).server;
    EXPECT_EQ(get_from(client(), at("[fd00::100]:80"), "/", host(2)).server, first);
    EXPECT_EQ(DatagramClient(client(), at("[fd00::100]:53"), host(3)).server(), first);
    used.insert(first);
  }
  EXPECT_EQ(used.size(), 3U);
  EXPECT_EQ(service().sessions(), 6U);
}

}  // namespace
}  // namespace hapair::test
