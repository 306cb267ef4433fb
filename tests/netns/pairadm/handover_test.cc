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
    lab_.emplace(PairLab::Options{.advert_interval = 10ms,
                                  .servers = 0,
                                  .preempt = preempt,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false});
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 10s));
    lab_->start("lb2");
    ASSERT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("Initialize -> Backup", 5s));
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
      500ms, [&] { return lab_->active_node() == "lb2"; }, "no preemption right back"));
  EXPECT_EQ(lab_->pairadm("lb1", {"restore"}).exit.code, 0);
  if (GetParam()) {
    EXPECT_TRUE(lab_->wait_active("lb1", 5s)) << "restore lets it preempt again";
  } else {
    EXPECT_TRUE(holds_for(
        300ms, [&] { return lab_->active_node() == "lb2"; }, "lb2 keeps the role"));
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
  const Finished done = lab_->pairadm("lb1", {"handover", "--force", "--wait", "500ms"});
  EXPECT_EQ(done.exit.code, 3) << done.out;
  EXPECT_TRUE(eventually(
      5s, [&] { return lab_->node("lb1").inside.has_address(PairLab::kVip); }, "lb1 is back"));
}

}  // namespace
}  // namespace hapair::test
