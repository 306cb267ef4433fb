// explain: what it asks and what it says.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::Reply explanation() {
  control::Reply reply;
  auto& all = *reply.mutable_explanation();
  all.set_service("web");
  all.set_pool("shop");
  all.set_scheduler("wlc");
  for (const char* name : {"a", "b"}) {
    auto& server = *all.add_candidates();
    server.set_name(name);
    server.set_address(std::string(name) == "a" ? "10.0.1.11:8080" : "10.0.1.12:8080");
    server.set_weight(1);
    server.set_active(3);
  }
  all.mutable_candidates(1)->set_why_not("down: L4CON Connection refused");
  return reply;
}

std::string said(const control::Reply& reply) {
  FakeShell shell;
  shell.daemons["lbcore"] = reply;
  EXPECT_EQ(shell.run(words("explain --from 198.51.100.7:4242 --to 192.0.2.10:80")), 0)
      << shell.err.str();
  EXPECT_EQ(shell.asked.at(0).explain().client(), "198.51.100.7");
  EXPECT_EQ(shell.asked.at(0).explain().listen(), "192.0.2.10:80");
  EXPECT_EQ(shell.asked.at(0).explain().protocol(), control::PROTOCOL_TCP);
  return shell.out.str();
}

constexpr const char* kServers =
    "servers:\n"
    "  a (10.0.1.11:8080), weight 1, 3 connections: may be picked\n"
    "  b (10.0.1.12:8080), weight 1, 3 connections: down: L4CON Connection refused\n";

TEST(Explain, TheScheduler) {
  auto reply = explanation();
  reply.mutable_explanation()->add_picks("10.0.1.11:8080");
  EXPECT_EQ(said(reply), std::string("service web, pool shop, scheduler wlc\n"
                                     "the pool is not sticky: every connection is scheduled\n") +
                             kServers + "=> a (10.0.1.11:8080), by wlc\n");
}

TEST(Explain, TheSession) {
  auto reply = explanation();
  auto& all = *reply.mutable_explanation();
  all.set_sticky(true);
  all.set_session_key("198.51.100.0/24");
  all.set_session_server("10.0.1.11:8080");
  all.set_session_idle_ms(12000);
  all.set_session_open(1);
  all.add_picks("10.0.1.11:8080");
  EXPECT_NE(
      said(reply).find("session of 198.51.100.0/24: a (10.0.1.11:8080), idle for 12 s, kept by "
                       "1 open connection: it decides\n"),
      std::string::npos)
      << said(reply);
  EXPECT_NE(said(reply).find("=> a (10.0.1.11:8080), by its session\n"), std::string::npos);
  all.set_session_why_not("its server is disabled");
  EXPECT_NE(said(reply).find(": does not decide, its server is disabled\n"), std::string::npos);
  EXPECT_NE(said(reply).find("=> a (10.0.1.11:8080), by wlc\n"), std::string::npos);
}

TEST(Explain, TurnsAndNobody) {
  auto reply = explanation();
  EXPECT_NE(said(reply).find("=> nobody: no server can be picked\n"), std::string::npos);
  reply.mutable_explanation()->set_scheduler("rr");
  reply.mutable_explanation()->add_picks("10.0.1.11:8080");
  reply.mutable_explanation()->add_picks("10.0.1.12:8080");
  EXPECT_NE(
      said(reply).find("=> one of a (10.0.1.11:8080), b (10.0.1.12:8080), as the turn of rr is\n"),
      std::string::npos);
}

TEST(Explain, Mistakes) {
  FakeShell shell;
  EXPECT_EQ(shell.run(words("explain --from 198.51.100.7")), 2);
  EXPECT_EQ(shell.run(words("explain --from 198.51.100.7 --to 192.0.2.10")), 2);
  EXPECT_EQ(shell.run(words("explain --from nobody --to 192.0.2.10:80")), 2);
  EXPECT_TRUE(shell.asked.empty());
  EXPECT_EQ(shell.run(words("explain --from 198.51.100.7 --to 192.0.2.10:80 --udp")), 1);
  EXPECT_EQ(shell.asked.at(0).explain().protocol(), control::PROTOCOL_UDP);
}

}  // namespace
}  // namespace hapair::pairadm
