// -Lc: pages in, ipvsadm's connection entries out.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::Reply page(bool last) {
  control::Reply reply;
  reply.mutable_connections()->set_last(last);
  return reply;
}

control::ConnectionEntry& add(control::Reply& reply, const std::string& client,
                              const std::string& state) {
  auto& entry = *reply.mutable_connections()->add_entries();
  entry.set_client(client);
  entry.set_listen("192.0.2.10:80");
  entry.set_service("web");
  entry.set_server("10.0.0.2:8080");
  entry.set_state(state);
  entry.set_age_ms(1500);
  return entry;
}

TEST(Connections, AsIpvsadmPrintsThem) {
  FakeShell shell;
  shell.streamed = {page(false), page(false), page(true)};
  add(shell.streamed[0], "198.51.100.1:54321", "established").set_expires_ms(899999);
  add(shell.streamed[0], "198.51.100.2:1", "half-closed").set_expires_ms(0);
  add(shell.streamed[2], "[2001:db8::9]:2", "waiting").clear_server();
  EXPECT_EQ(shell.run(words("-Lcn")), 0) << shell.err.str();
  EXPECT_EQ(shell.out.str(),
            "hapair connection entries\n"
            "pro expire state       source             virtual            destination\n"
            "TCP 14:59  ESTABLISHED 198.51.100.1:54321 192.0.2.10:80      10.0.0.2:8080\n"
            "TCP 00:00  FIN_WAIT    198.51.100.2:1     192.0.2.10:80      10.0.0.2:8080\n"
            "TCP --:--  NONE        [2001:db8::9]:2    192.0.2.10:80      -\n");
  ASSERT_EQ(shell.asked.size(), 1U);
  EXPECT_FALSE(shell.asked[0].connections().has_service());
}

TEST(Connections, FlowsOfDatagramsAreCalledUdp) {
  FakeShell shell;
  shell.streamed = {page(true)};
  for (const char* state : {"asking", "established", "no server"}) {
    auto& entry = add(shell.streamed[0], "198.51.100.1:5353", state);
    entry.set_protocol(control::PROTOCOL_UDP);
    entry.set_expires_ms(300'000);
  }
  EXPECT_EQ(shell.run(words("-Lcn")), 0);
  const std::string line =
      "UDP 05:00  UDP         198.51.100.1:5353  192.0.2.10:80      10.0.0.2:8080\n";
  EXPECT_NE(shell.out.str().find(line + line + line), std::string::npos) << shell.out.str();
}

TEST(Connections, NamesAndOneService) {
  FakeShell shell;
  shell.streamed = {page(true)};
  add(shell.streamed[0], "198.51.100.1:54321", "connecting");
  EXPECT_EQ(shell.run(words("-L -c -t 192.0.2.10:80")), 0);
  EXPECT_NE(shell.out.str().find("TCP --:--  SYN_SENT    198.51.100.1:54321 www.example.org:http "),
            std::string::npos)
      << shell.out.str();
  EXPECT_EQ(shell.asked[0].connections().service().listen(), "192.0.2.10:80");
}

TEST(Connections, Json) {
  FakeShell shell;
  shell.streamed = {page(true)};
  add(shell.streamed[0], "198.51.100.1:54321", "waiting").clear_server();
  EXPECT_EQ(shell.run(words("-Lc --json")), 0);
  EXPECT_EQ(shell.out.str(), R"({
  "connections": [
    {
      "protocol": "tcp",
      "client": "198.51.100.1:54321",
      "listen": "192.0.2.10:80",
      "service": "web",
      "server": null,
      "state": "waiting",
      "age_ms": 1500,
      "expires_ms": null
    }
  ]
}
)");
}

TEST(Connections, ARefusalOrACutListIsAFailure) {
  FakeShell refused;
  control::Reply reply;
  reply.set_code(control::REFUSED);
  reply.set_message("somebody else lists the connections now: try again");
  refused.streamed = {reply};
  EXPECT_EQ(refused.run(words("-Lc")), 1);
  EXPECT_EQ(refused.err.str(), "pairadm: somebody else lists the connections now: try again\n");
  FakeShell cut;
  cut.streamed = {page(false)};
  EXPECT_EQ(cut.run(words("-Lc")), 1);
  EXPECT_EQ(cut.out.str(), "") << "no half list";
}

}  // namespace
}  // namespace hapair::pairadm
