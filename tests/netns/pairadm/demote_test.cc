// `pairadm demote` and `restore` beside a real pair: refused or forced, kept over a restart, over a
// killed speaker, and told by status.
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

class Demote : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::only_vrrpd(10ms));
    ASSERT_TRUE(lab_->start_in_order());
  }
  [[nodiscard]] std::string vrrp(std::string_view node) {
    return lab_->pairadm(node, {"vrrp"}).out;
  }
  [[nodiscard]] testing::AssertionResult shows(std::string_view node, const std::string& text) {
    return eventually(
        10s, [&] { return vrrp(node).find(text) != std::string::npos; },
        [&] { return text + " in " + vrrp(node); });
  }
  std::optional<PairLab> lab_;
};

TEST_F(Demote, moves_the_role_at_once_and_keeps_the_node_out) {
  const Finished done = lab_->pairadm("lb1", {"demote", "--force", "--reason", "new kernel"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_EQ(done.out, "demoted: this node takes no role until `pairadm restore`\n");
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
  EXPECT_TRUE(shows("lb1", "router main: Initialize for "));
  EXPECT_THAT(vrrp("lb1"), HasSubstr("(demoted by root: new kernel)"));
  EXPECT_THAT(vrrp("lb1"), testing::ContainsRegex("\ndemoted by root [0-9]+ m?s ago: new kernel"));

  const auto status = nlohmann::json::parse(lab_->pairadm("lb1", {"status", "--json"}).out);
  EXPECT_EQ(status.at("nodes").at(0).at("demoted").at("reason"), "new kernel");
  EXPECT_EQ(status.at("problems").at(0).at("kind"), "demoted");

  // Not even when nobody else is there.
  lab_->lose_node("lb2", PairLab::How::silent);
  EXPECT_TRUE(holds_for(
      300ms, [&] { return !lab_->node("lb1").inside.has_address(PairLab::kVip); },
      "lb1 stays out"));
  lab_->return_node("lb2", PairLab::How::silent);

  EXPECT_EQ(lab_->pairadm("lb1", {"demote", "--force"}).exit.code, 255) << "demoted already";
  EXPECT_EQ(lab_->pairadm("lb1", {"restore"}).exit.code, 0);
  EXPECT_TRUE(shows("lb1", "router main: Backup for "));
  EXPECT_EQ(lab_->active_node(), "lb2");
}

TEST_F(Demote, survives_a_restart_and_a_killed_speaker) {
  ASSERT_EQ(lab_->pairadm("lb1", {"demote", "--force", "--reason", "disk"}).exit.code, 0);
  ASSERT_TRUE(lab_->wait_active("lb2", 5s));
  const std::string file = lab_->node("lb1").run_dir + ".state/demoted";
  EXPECT_TRUE(std::filesystem::exists(file)) << "on disk before the answer";

  for (const pid_t child : lab_->node("lb1").vrrpd->children()) ::kill(child, SIGKILL);
  EXPECT_TRUE(shows("lb1", "(demoted by root: disk)"));

  lab_->node("lb1").vrrpd->terminate(5s);
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(shows("lb1", "(demoted by root: disk)"));
  EXPECT_EQ(lab_->active_node(), "lb2");

  EXPECT_EQ(lab_->pairadm("lb1", {"restore"}).exit.code, 0);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(shows("lb1", "router main: Backup for "));
  lab_->node("lb1").vrrpd->terminate(5s);
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(shows("lb1", "router main: Backup for "));
}

TEST_F(Demote, a_backup_needs_no_force) {
  EXPECT_EQ(lab_->pairadm("lb2", {"demote"}).exit.code, 0);
  EXPECT_TRUE(shows("lb2", "(demoted by root)"));
  EXPECT_EQ(lab_->active_node(), "lb1");
}

TEST_F(Demote, a_file_that_cannot_be_written_is_told) {
  const std::string state = lab_->node("lb2").run_dir + ".state";
  write_file(state, "not a directory");
  const Finished done = lab_->pairadm("lb2", {"demote"});
  EXPECT_EQ(done.exit.code, 255);
  EXPECT_THAT(done.err, HasSubstr("done, but a restart will not remember it: "));
  EXPECT_TRUE(shows("lb2", "(demoted by root)"));
}

TEST_F(Demote, without_knowing_the_peer_it_is_refused) {
  lab_->lose_node("lb2", PairLab::How::silent);
  ASSERT_TRUE(shows("lb1", "lb2 on the pair path: "));
  ASSERT_TRUE(shows("lb1", " ago: silent\n"));
  const Finished done = lab_->pairadm("lb1", {"demote"});
  EXPECT_EQ(done.exit.code, 1);
  EXPECT_EQ(done.err,
            "pairadm: refused: main: lb2 is not heard on the pair path\n"
            "pairadm: --force insists\n");
  EXPECT_TRUE(lab_->node("lb1").inside.has_address(PairLab::kVip));
}

}  // namespace
}  // namespace hapair::test
