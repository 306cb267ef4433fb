// handover, demote, restore, events, upgrade: what they ask the daemons, what they print, and their
// exit codes.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::Reply refusal(control::Code code, const std::string& message) {
  control::Reply reply;
  reply.set_code(code);
  reply.set_message(message);
  return reply;
}

control::Reply outcome(bool to_peer) {
  control::Reply reply;
  reply.mutable_outcome()->add_routers("main");
  reply.mutable_outcome()->set_to_peer(to_peer);
  return reply;
}

control::Reply status_of(role::State state, bool heard_in_state) {
  control::Reply reply;
  auto& router = *reply.mutable_vrrp()->add_routers();
  router.mutable_router()->set_name("main");
  router.mutable_router()->set_state(state);
  router.set_heard_in_state(heard_in_state);
  return reply;
}

TEST(Handover, asks_vrrpd_and_says_what_follows) {
  FakeShell shell;
  shell.daemons["vrrpd"] = outcome(true);
  EXPECT_EQ(shell.run(words("handover --force main")), 0);
  ASSERT_EQ(shell.asked.size(), 1U);
  EXPECT_EQ(shell.asked[0].handover().router(), "main");
  EXPECT_TRUE(shell.asked[0].handover().force());
  EXPECT_EQ(shell.asked[0].handover().by(), "root");
  EXPECT_EQ(shell.out.str(), "main: the other node takes over\n");
}

TEST(Handover, waits_for_the_new_active_and_tells_how_long_it_took) {
  FakeShell shell;
  shell.daemons["vrrpd"] = outcome(true);
  shell.on_ask = [&] {
    if (shell.asked.size() < 2) return;
    // Backup at once, and after three more looks it hears the new Active.
    shell.daemons["vrrpd"] = status_of(role::STATE_BACKUP, shell.asked.size() >= 5);
  };
  EXPECT_EQ(shell.run(words("handover --wait")), 0);
  EXPECT_EQ(shell.out.str(), "main: the other node is Active after 15 ms\n");
  EXPECT_EQ(shell.calls[0].wait, 2s);
}

TEST(Handover, to_this_node_is_done_when_it_is_active) {
  FakeShell shell;
  shell.daemons["vrrpd"] = outcome(false);
  shell.on_ask = [&] {
    if (shell.asked.size() > 1) shell.daemons["vrrpd"] = status_of(role::STATE_ACTIVE, false);
  };
  EXPECT_EQ(shell.run(words("handover --wait 3s --json")), 0);
  EXPECT_EQ(shell.out.str(),
            "{\n  \"routers\": [\n    \"main\"\n  ],\n  \"to_peer\": false,\n"
            "  \"took_ms\": 0.0\n}\n");
}

TEST(Handover, gives_up_waiting_with_an_exit_code_of_its_own) {
  FakeShell shell;
  shell.daemons["vrrpd"] = outcome(true);
  shell.on_ask = [&] {
    if (shell.asked.size() > 1) shell.daemons["vrrpd"] = status_of(role::STATE_BACKUP, false);
  };
  EXPECT_EQ(shell.run(words("handover --wait 1s main")), 3);
  EXPECT_EQ(shell.err.str(),
            "pairadm: main: the other node was not seen to become Active in time\n");
}

TEST(Handover, a_refusal_tells_the_reason) {
  FakeShell shell;
  shell.daemons["vrrpd"] = refusal(control::REFUSED, "main: lb2 is demoted");
  EXPECT_EQ(shell.run(words("handover")), 1);
  EXPECT_EQ(shell.err.str(), "pairadm: refused: main: lb2 is demoted\npairadm: --force insists\n");
  shell.daemons["vrrpd"] = refusal(control::NOT_FOUND, "no such router: x");
  EXPECT_EQ(shell.run(words("handover x")), 255);
  shell.daemons.clear();
  EXPECT_EQ(shell.run(words("handover")), 255);
  EXPECT_EQ(shell.run(words("handover --wait 0s")), 2);
  EXPECT_EQ(shell.run(words("handover a b")), 2);
}

TEST(Demote, carries_the_reason_and_who) {
  FakeShell shell;
  shell.daemons["vrrpd"] = {};
  EXPECT_EQ(shell.run({"demote", "--reason", "new kernel"}), 0);
  EXPECT_EQ(shell.asked[0].demote().reason(), "new kernel");
  EXPECT_EQ(shell.asked[0].demote().by(), "root");
  EXPECT_FALSE(shell.asked[0].demote().force());
  EXPECT_EQ(shell.out.str(), "demoted: this node takes no role until `pairadm restore`\n");
  shell.out.str("");
  EXPECT_EQ(shell.run(words("demote --force --json")), 0);
  EXPECT_TRUE(shell.asked[1].demote().force());
  EXPECT_EQ(shell.out.str(), "{\n  \"demoted\": true\n}\n");
}

TEST(Demote, a_refusal_is_one) {
  FakeShell shell;
  shell.daemons["vrrpd"] = refusal(control::REFUSED, "main: lb2 is not heard");
  EXPECT_EQ(shell.run(words("demote")), 1);
  shell.daemons["vrrpd"] = refusal(control::ALREADY_EXISTS, "lb1 is demoted by root already");
  EXPECT_EQ(shell.run(words("demote")), 255);
}

TEST(Restore, asks_vrrpd) {
  FakeShell shell;
  shell.daemons["vrrpd"] = {};
  EXPECT_EQ(shell.run(words("restore")), 0);
  EXPECT_TRUE(shell.asked[0].has_restore());
  EXPECT_EQ(shell.out.str(), "restored: this node takes part again\n");
}

control::Reply event(uint64_t sequence, bool last) {
  control::Reply reply;
  auto& event = *reply.mutable_event();
  event.set_sequence(sequence);
  event.set_unix_ms(1'763'724'241'007);
  event.set_kind("state");
  event.set_router("main");
  event.set_from("Backup");
  event.set_to("Active");
  event.set_reason("peer 10.0.0.2 \"silent\"");
  event.set_last(last);
  return reply;
}

TEST(Events, are_lines_of_json) {
  FakeShell shell;
  shell.streamed = {event(1, false), event(2, true), event(3, false)};
  EXPECT_EQ(shell.run(words("events")), 0);
  EXPECT_FALSE(shell.asked[0].events().follow());
  EXPECT_EQ(shell.out.str(),
            "{\"sequence\":1,\"time\":\"2025-11-21T11:24:01.007Z\",\"kind\":\"state\","
            "\"router\":\"main\",\"from\":\"Backup\",\"to\":\"Active\","
            "\"reason\":\"peer 10.0.0.2 \\\"silent\\\"\"}\n"
            "{\"sequence\":2,\"time\":\"2025-11-21T11:24:01.007Z\",\"kind\":\"state\","
            "\"router\":\"main\",\"from\":\"Backup\",\"to\":\"Active\","
            "\"reason\":\"peer 10.0.0.2 \\\"silent\\\"\"}\n");
}

TEST(Events, none_are_no_lines) {
  FakeShell shell;
  control::Reply none;
  none.mutable_event()->set_last(true);
  shell.streamed = {none};
  EXPECT_EQ(shell.run(words("events --json")), 0);
  EXPECT_EQ(shell.out.str(), "");
}

TEST(Events, a_follower_is_told_how_it_ended) {
  FakeShell shell;
  shell.streamed = {event(1, false)};
  EXPECT_EQ(shell.run(words("events -f")), 255);
  EXPECT_TRUE(shell.asked[0].events().follow());
  EXPECT_EQ(shell.err.str(), "pairadm: vrrpd ended the stream\n");
  shell.err.str("");
  shell.streamed = {refusal(control::FAILED, "cut off before event 9")};
  EXPECT_EQ(shell.run(words("events --follow")), 255);
  EXPECT_EQ(shell.err.str(), "pairadm: cut off before event 9\n");
}

control::Reply upgraded(uint64_t connections) {
  control::Reply reply;
  auto& done = *reply.mutable_upgraded();
  done.set_old_pid(7);
  done.set_old_version("1.0");
  done.set_new_pid(9);
  done.set_new_version("1.1");
  done.set_connections(connections);
  done.set_timeout_ms(600000);
  return reply;
}

TEST(Upgrade, says_who_serves_and_what_the_old_process_has_left) {
  FakeShell shell;
  shell.daemons["lbcore"] = upgraded(3);
  EXPECT_EQ(shell.run(words("upgrade")), 0);
  ASSERT_EQ(shell.asked.size(), 1U);
  EXPECT_EQ(shell.asked[0].upgrade().by(), "root");
  EXPECT_EQ(shell.out.str(),
            "lbcore 1.1 (pid 9) serves instead of 1.0 (pid 7), which has 3 connections left and "
            "ends after 10m 00s at most\n");
  EXPECT_GE(shell.calls[0].wait, 30s) << "checks of new servers may take their time";
}

TEST(Upgrade, that_failed_is_an_error_with_its_reason) {
  FakeShell shell;
  shell.daemons["lbcore"] = refusal(control::FAILED, "start /usr/sbin/lbcore: No such file");
  EXPECT_EQ(shell.run(words("upgrade --json")), 255);
  EXPECT_EQ(shell.out.str(), "");
  EXPECT_EQ(shell.err.str(), "pairadm: upgrade: start /usr/sbin/lbcore: No such file\n");
}

TEST(Upgrade, as_json) {
  FakeShell shell;
  shell.daemons["lbcore"] = upgraded(0);
  EXPECT_EQ(shell.run(words("upgrade --json")), 0);
  EXPECT_NE(shell.out.str().find("\"new_pid\": 9"), std::string::npos) << shell.out.str();
}

}  // namespace
}  // namespace hapair::pairadm
