// `pairadm events`: what is remembered, and a failover as a follower sees it, without a gap.
#include <csignal>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using nlohmann::json;

/// The whole lines so far.
std::vector<json> events_in(const std::string& text) {
  std::vector<json> out;
  std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
  for (std::string line; std::getline(lines, line);) out.push_back(json::parse(line));
  return out;
}

class Events : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::only_vrrpd(100ms));
    ASSERT_TRUE(lab_->start_in_order());
  }
  [[nodiscard]] Process follow(std::string_view node) {
    auto& at = lab_->node(node);
    return Process(
        {.argv = {programs::pairadm(), "--run-dir", at.run_dir, "events", "-f"}, .in = &at.inside});
  }
  std::optional<PairLab> lab_;
};

TEST_F(Events, what_is_remembered_is_in_order_and_without_gaps) {
  const Finished done = lab_->pairadm("lb1", {"events"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  const auto events = events_in(done.out);
  ASSERT_GE(events.size(), 2U);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].at("sequence"), i + 1);
  const auto active = std::ranges::find_if(events, [](const json& event) {
    return event.at("kind") == "state" && event.at("to") == "Active";
  });
  ASSERT_NE(active, events.end()) << done.out;
  EXPECT_EQ(active->at("router"), "main");
  EXPECT_EQ(active->at("from"), "Backup");
  EXPECT_THAT(active->at("reason").get<std::string>(), testing::StartsWith("heard nobody for "));
  EXPECT_THAT(active->at("time").get<std::string>(),
              testing::MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z"));
}

TEST_F(Events, a_follower_sees_a_failover_without_a_gap) {
  Process follower = follow("lb2");
  ASSERT_TRUE(follower.wait_for_output("\"sequence\":1,", 5s));
  lab_->lose_node("lb1", PairLab::How::silent);
  ASSERT_TRUE(follower.wait_for_output("\"from\":\"Backup\",\"to\":\"Active\"", 5s));
  ASSERT_TRUE(follower.wait_for_output("lb1 is silent on the pair path", 5s));
  lab_->return_node("lb1", PairLab::How::silent);
  ASSERT_TRUE(follower.wait_for_output("\"kind\":\"peer\"", 5s));
  // An operator's word is one as well.
  ASSERT_EQ(lab_->pairadm("lb2", {"demote", "--force"}).exit.code, 0);
  ASSERT_TRUE(follower.wait_for_output("demoted by root", 5s));
  const auto events = events_in(follower.out());
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].at("sequence"), i + 1);
}

TEST_F(Events, a_follower_is_told_when_vrrpd_ends) {
  Process follower = follow("lb2");
  ASSERT_TRUE(follower.wait_for_output("\"sequence\":1,", 5s));
  lab_->node("lb2").vrrpd->terminate(5s);
  const auto end = follower.wait(5s);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, 255);
  EXPECT_THAT(follower.err(), testing::HasSubstr("vrrpd ended the stream"));
}

/// How it is cut off is in unit_vrrpd.
TEST_F(Events, a_follower_that_does_not_read_disturbs_nobody) {
  Process slow = follow("lb1");
  Process quick = follow("lb1");
  ASSERT_TRUE(slow.wait_for_output("\"sequence\":1,", 5s));
  ASSERT_TRUE(quick.wait_for_output("\"sequence\":1,", 5s));
  slow.signal(SIGSTOP);
  const std::string reason(200, 'x');
  for (int i = 0; i < 40; ++i) {
    lab_->pairadm("lb1", {"restore"});
    lab_->pairadm("lb1", {"demote", "--force", "--reason", reason});
  }
  EXPECT_TRUE(eventually(
      5s, [&] { return events_in(quick.out()).size() > 80; },
      [&] { return fmt::format("{} events; {}", events_in(quick.out()).size(), quick.err()); }))
      << "the other follower has them all";
  slow.signal(SIGCONT);
}

}  // namespace
}  // namespace hapair::test
