// `pairadm handover` beside a real pair.
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

class Handover : public RootTest, public testing::WithParamInterface<bool> {
 protected:
  void build(bool preempt) {
    // A node that a busy machine stops for 50 ms must not miss its handover.
    lab_.emplace(PairLab::Options{.advert_interval = 100ms,
                                  .servers = 0,
                                  .preempt = preempt,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false});
    ASSERT_TRUE(lab_->start_in_order());
  }
  std::optional<PairLab> lab_;
};

INSTANTIATE_TEST_SUITE_P(Preempt, Handover, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "yes" : "no"; });

TEST_P(Handover, from_the_active_and_it_stays_there) {
  if (IsSkipped()) return;
  build(GetParam());
  const Finished done = lab_->pairadm("lb1", {"handover", "--force", "--wait", "main"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_THAT(done.out, testing::MatchesRegex("main: the other node is Active after [0-9]+ ms\n"));
  EXPECT_EQ(lab_->active_node(), "lb2");
  EXPECT_TRUE(holds_for(
      1s, [&] { return lab_->active_node() == "lb2"; }, "no preemption right back"));
  EXPECT_EQ(lab_->pairadm("lb1", {"restore"}).exit.code, 0);
  if (GetParam()) {
    EXPECT_TRUE(lab_->wait_active("lb1", 5s)) << "restore lets it preempt again";
  } else {
    EXPECT_TRUE(holds_for(
        1s, [&] { return lab_->active_node() == "lb2"; }, "lb2 keeps the role"));
  }
}

TEST_F(Handover, after_the_new_active_is_lost_the_role_is_back) {
  if (IsSkipped()) return;
  build(true);
  ASSERT_EQ(lab_->pairadm("lb1", {"handover", "--force", "--wait"}).exit.code, 0);
  lab_->kill_all("lb2");
  EXPECT_TRUE(eventually(
      5s, [&] { return lab_->node("lb1").inside.has_address(PairLab::kVip); }, "lb1 is Active"));
}

TEST_F(Handover, a_router_that_is_not_there_is_told) {
  if (IsSkipped()) return;
  build(false);
  const Finished done = lab_->pairadm("lb1", {"handover", "frob"});
  EXPECT_EQ(done.exit.code, 255);
  EXPECT_EQ(done.err, "pairadm: no such router: frob\n");
}

TEST_F(Handover, should_nobody_take_over_the_wait_ends_and_the_role_comes_back) {
  if (IsSkipped()) return;
  build(false);
  lab_->kill_all("lb2");
  const Finished done = lab_->pairadm("lb1", {"handover", "--force", "--wait", "200ms"});
  EXPECT_EQ(done.exit.code, 3) << done.out;
  EXPECT_TRUE(eventually(
      5s, [&] { return lab_->node("lb1").inside.has_address(PairLab::kVip); }, "lb1 is back"));
}

TEST_P(Handover, from_the_backup_which_asks_the_active) {
  if (IsSkipped()) return;
  build(GetParam());
  EXPECT_TRUE(eventually(
      10s,
      [&] {
        return lab_->pairadm("lb2", {"handover", "--wait", "2s"}).exit.code == 0;
      },
      [&] { return lab_->pairadm("lb2", {"handover"}).err + lab_->pairadm("lb2", {"vrrp"}).out; }));
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
  // And back, from the same node, without force: the peer is known to be ready.
  EXPECT_TRUE(eventually(
      10s,
      [&] {
        return lab_->pairadm("lb2", {"handover", "--wait", "2s"}).exit.code == 0;
      },
      [&] { return lab_->pairadm("lb2", {"handover"}).err; }));
  EXPECT_TRUE(lab_->wait_active("lb1", 5s));
}

TEST_F(Handover, to_a_demoted_node_is_refused) {
  if (IsSkipped()) return;
  build(false);
  ASSERT_EQ(lab_->pairadm("lb2", {"demote"}).exit.code, 0);
  EXPECT_TRUE(eventually(
      5s,
      [&] {
        const Finished done = lab_->pairadm("lb1", {"handover"});
        return done.exit.code == 1 &&
               done.err.starts_with("pairadm: refused: main: lb2 is demoted\n");
      },
      [&] { return lab_->pairadm("lb1", {"handover"}).err; }));
  EXPECT_EQ(lab_->active_node(), "lb1");
}

class HandoverWithLbcore : public RootTest {};

TEST_F(HandoverWithLbcore, is_refused_until_the_peer_serves_and_is_in_sync) {
  if (IsSkipped()) return;
  PairLab lab({.servers = 1, .boot_hold = 0ms});
  // Replication cannot connect; vrrpd's own heartbeat on the same network can.
  const std::string blocked =
      "table inet test {\n chain in {\n  type filter hook input priority 0;\n"
      "  tcp dport 7400 drop\n  tcp sport 7400 drop\n }\n}\n";
  lab.node("lb2").inside.nft(blocked);
  lab.start("lb1");
  ASSERT_TRUE(lab.wait_active("lb1", 15s));
  lab.start_vrrpd("lb2");
  const auto refused = [&](const std::string& why) {
    return eventually(
        15s,
        [&] {
          const Finished done = lab.pairadm("lb1", {"handover"});
          return done.exit.code == 1 && done.err.find(why) != std::string::npos;
        },
        [&] { return why + ": " + lab.pairadm("lb1", {"handover"}).err; });
  };
  EXPECT_TRUE(refused("main: lbcore of lb2 is not serving"));
  lab.start_lbcore("lb2");
  EXPECT_TRUE(refused("main: lbcore of lb2 is not in sync"));
  EXPECT_EQ(lab.active_node(), "lb1");
  lab.node("lb2").inside.nft("delete table inet test\n");
  EXPECT_TRUE(eventually(
      20s,
      [&] {
        return lab.pairadm("lb1", {"handover", "--wait", "2s"}).exit.code == 0;
      },
      [&] { return lab.pairadm("lb1", {"handover"}).err; }));
  EXPECT_TRUE(lab.wait_active("lb2", 5s));
}

}  // namespace
}  // namespace hapair::test
