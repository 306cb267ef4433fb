// The whole program but for sockets and resolver: what it asks, what it prints where, and its exit
// code.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

constexpr const char* kAdd = "-A -t 192.0.2.10:80";

control::Reply refusal(control::Code code, const std::string& message) {
  control::Reply reply;
  reply.set_code(code);
  reply.set_message(message);
  return reply;
}

TEST(Program, EditThatWorksIsSilent) {
  FakeShell shell;
  shell.daemons["lbcore"] = {};
  EXPECT_EQ(shell.run(words(kAdd)), 0);
  EXPECT_EQ(shell.out.str(), "");
  EXPECT_EQ(shell.err.str(), "");
  ASSERT_EQ(shell.asked.size(), 1U);
  EXPECT_EQ(shell.asked[0].add_service().key().listen(), "192.0.2.10:80");
}

TEST(Program, NoteOfAnEditIsShown) {
  FakeShell shell;
  shell.daemons["lbcore"] = refusal(control::OK, "pool web is shared");
  EXPECT_EQ(shell.run(words(kAdd)), 0);
  EXPECT_EQ(shell.err.str(), "pairadm: note: pool web is shared\n");
}

TEST(Program, RunDirAndWaitReachTheCall) {
  FakeShell shell;
  shell.daemons["lbcore"] = {};
  EXPECT_EQ(shell.run(words("--run-dir /x --wait 7s -C")), 0);
  ASSERT_EQ(shell.calls.size(), 1U);
  EXPECT_EQ(shell.calls[0].daemon, "lbcore");
  EXPECT_EQ(shell.calls[0].run_dir, "/x");
  EXPECT_EQ(shell.calls[0].wait, 7s);
}

struct Outcome {
  control::Code code;
  int exit;
};

class EditRefused : public testing::TestWithParam<Outcome> {};

TEST_P(EditRefused, HasTheDocumentedExitCode) {
  FakeShell shell;
  shell.daemons["lbcore"] = refusal(GetParam().code, "the reason");
  EXPECT_EQ(shell.run(words(kAdd)), GetParam().exit);
  EXPECT_EQ(shell.err.str(), "pairadm: the reason\n");
  EXPECT_EQ(shell.out.str(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Codes, EditRefused,
    testing::Values(Outcome{control::INVALID, 2}, Outcome{control::UNSUPPORTED, 2},
                    Outcome{control::NOT_FOUND, 255}, Outcome{control::ALREADY_EXISTS, 255},
                    Outcome{control::PERMISSION_DENIED, 255}, Outcome{control::FAILED, 255}));

TEST(Program, EditWithoutLbcoreFails) {
  FakeShell shell;
  EXPECT_EQ(shell.run(words(kAdd)), 255);
  EXPECT_EQ(shell.err.str(),
            "pairadm: lbcore is not running (no socket at /run/hapair/lbcore.sock)\n");
}

TEST(Program, UsageErrorIsOneLineAndAsksNobody) {
  FakeShell shell;
  EXPECT_EQ(shell.run(words("-A")), 2);
  EXPECT_EQ(shell.err.str(), "pairadm: -A needs the service: -t ADDRESS:PORT or -u ADDRESS:PORT\n");
  EXPECT_EQ(shell.run(words("-A -t 192.0.2.10:80 -p 0")), 2);
  EXPECT_EQ(shell.run(words("-L -t frob:80")), 2);
  EXPECT_TRUE(shell.asked.empty());
}

TEST(Program, ListFailureIsOne) {
  FakeShell shell;
  EXPECT_EQ(shell.run(words("-L")), 1);
  EXPECT_EQ(shell.err.str(),
            "pairadm: lbcore is not running (no socket at /run/hapair/lbcore.sock)\n");
  shell.daemons["lbcore"] = refusal(control::NOT_FOUND, "No such service: TCP 192.0.2.10:80");
  EXPECT_EQ(shell.run(words("-L -t 192.0.2.10:80")), 1);
  EXPECT_EQ(shell.out.str(), "");
}

TEST(Program, ListsSortedUnlessToldNotTo) {
  FakeShell shell;
  auto* listing = shell.daemons["lbcore"].mutable_listing();
  listing->set_version("0.1.0");
  for (const char* listen : {"192.0.2.10:80", "10.0.0.1:80"}) {
    auto* service = listing->add_services();
    service->mutable_key()->set_listen(listen);
    service->set_scheduler("rr");
  }
  EXPECT_EQ(shell.run(words("-Ln")), 0);
  EXPECT_NE(shell.out.str().find("TCP  10.0.0.1:80 rr\nTCP  192.0.2.10:80 rr\n"),
            std::string::npos);
  shell.out.str("");
  EXPECT_EQ(shell.run(words("-Ln --nosort")), 0);
  EXPECT_NE(shell.out.str().find("TCP  192.0.2.10:80 rr\nTCP  10.0.0.1:80 rr\n"),
            std::string::npos);
  shell.out.str("");
  EXPECT_EQ(shell.run(words("-L --json")), 0);
  EXPECT_TRUE(shell.out.str().starts_with("{\n  \"version\": \"0.1.0\",\n"));
}

TEST(Program, HelpAndVersionNeedNoDaemon) {
  FakeShell shell;
  EXPECT_EQ(shell.run({"-h"}), 0);
  EXPECT_NE(shell.out.str().find("-A --add-service"), std::string::npos);
  EXPECT_EQ(shell.out.str().find("--start-daemon"), std::string::npos) << "not offered";
  shell.out.str("");
  EXPECT_EQ(shell.run({"-v"}), 0);
  EXPECT_EQ(shell.out.str(), "pairadm (hapair) " HAPAIR_VERSION "\n");
  EXPECT_TRUE(shell.asked.empty());
  EXPECT_EQ(shell.err.str(), "");
}

TEST(Program, KeygenPrintsTheCopyHint) {
  FakeShell shell;
  EXPECT_EQ(shell.run({"keygen"}), 0);
  EXPECT_EQ(shell.keys, std::vector<std::string>{"/etc/hapair/pair.key"});
  EXPECT_NE(
      shell.out.str().find("scp -p /etc/hapair/pair.key root@OTHER-NODE:/etc/hapair/pair.key\n"),
      std::string::npos);
  EXPECT_EQ(shell.run({"keygen", "some.key"}), 0);
  EXPECT_EQ(shell.keys.back(), (std::filesystem::current_path() / "some.key").string());
  EXPECT_EQ(shell.run({"keygen", "/nowhere/refused"}), 255);
  EXPECT_EQ(shell.err.str(), "pairadm: /nowhere/refused: no\n");
}

TEST(Program, KeygenRotatesInThreeSteps) {
  FakeShell shell;
  EXPECT_EQ(shell.run({"keygen", "--rotate", "add"}), 0);
  EXPECT_NE(shell.out.str().find("then: pairadm keygen --rotate promote\n"), std::string::npos);
  EXPECT_EQ(shell.run({"keygen", "--rotate", "promote", "/etc/some.key"}), 0);
  EXPECT_EQ(shell.run({"keygen", "--rotate", "retire"}), 0);
  EXPECT_EQ(shell.keys, (std::vector<std::string>{"/etc/hapair/pair.key 0", "/etc/some.key 1",
                                                  "/etc/hapair/pair.key 2"}));
  EXPECT_EQ(shell.run({"keygen", "--rotate", "add", "/nowhere/refused"}), 255);
  EXPECT_NE(shell.run({"keygen", "--rotate", "back"}), 0);
  EXPECT_NE(shell.err.str().find("valid: add, promote, retire"), std::string::npos);
}

TEST(Program, StatusExitCodeTellsProblems) {
  FakeShell shell;
  EXPECT_EQ(shell.run({"status"}), 1);
  auto* vrrp = shell.daemons["vrrpd"].mutable_vrrp();
  vrrp->set_node("lb1");
  vrrp->set_lbcore_connected(true);
  vrrp->add_routers()->mutable_router()->set_state(role::STATE_ACTIVE);
  auto* node = shell.daemons["lbcore"].mutable_node();
  node->set_node("lb1");
  node->set_vrrpd_connected(true);
  node->set_serving(true);
  node->mutable_sync()->set_state("alone");
  EXPECT_EQ(shell.run({"status"}), 0);
  EXPECT_EQ(shell.run({"status", "--json"}), 0);
  EXPECT_EQ(shell.err.str(), "");
}

TEST(Program, StatusShowsARefusalOfADaemon) {
  FakeShell shell;
  shell.daemons["vrrpd"] = refusal(control::PERMISSION_DENIED, "not for you");
  EXPECT_EQ(shell.run({"status"}), 1);
  EXPECT_NE(shell.out.str().find("  - vrrpd: not for you\n"), std::string::npos);
}

}  // namespace
}  // namespace hapair::pairadm
