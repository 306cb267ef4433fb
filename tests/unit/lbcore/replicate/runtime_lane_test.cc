// Commands and answers between two nodes, beside the runtime changes; and the lane of rate limits.
#include "lbcore/replicate/runtime_lane.h"

#include <gtest/gtest.h>

#include "lbcore/replicate/rate_lane.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore::replicate {
namespace {

struct Node {
  explicit Node(bool wins)
      : lane(records,
             {.ours_wins_tie = [wins] { return wins; },
              .on_records = [this] { ++taken; },
              .on_in_step = [this] { ++steps; },
              .on_question =
                  [this](uint64_t number, const std::string& from, const std::string& request) {
                    asked.emplace_back(number, from + ": " + request);
                  }},
             TimePoint{}) {}

  void ask(const std::string& request, TimePoint now) {
    lane.ask("root of lb2", request, 1s, now, [this](Result<std::string> reply) {
      answers.push_back(reply ? *reply : "failed: " + reply.error().message);
    });
  }

  RuntimeRecords records;
  int taken = 0;
  int steps = 0;
  std::vector<std::pair<uint64_t, std::string>> asked;
  std::vector<std::string> answers;
  RuntimeLane lane;
};

class RuntimeLaneTest : public testing::Test {
 protected:
  RuntimeLaneTest() { meet(); }
  void meet() {
    one.lane.up({}, now);
    two.lane.up({}, now);
    talk();
  }
  void talk() {
    for (bool any = true; any;) {
      any = pass(one, two);
      any |= pass(two, one);
    }
  }
  bool pass(Node& from, Node& to) {
    wire::Frame frame;
    if (!from.lane.next(frame, now)) return false;
    EXPECT_TRUE(to.lane.takes(frame.body_case()));
    wire::Frame arrived;
    EXPECT_TRUE(arrived.ParseFromString(frame.SerializeAsString()));
    EXPECT_TRUE(to.lane.take(arrived, now));
    return true;
  }

  TimePoint now = TimePoint{} + 1h;
  Node one{true};
  Node two{false};
};

TEST_F(RuntimeLaneTest, AQuestionIsAnsweredAfterTheChangeThatItMade) {
  two.ask("add it", now);
  talk();
  ASSERT_EQ(one.asked.size(), 1U);
  EXPECT_EQ(one.asked[0].second, "root of lb2: add it");
  EXPECT_TRUE(two.answers.empty());

  Spec running = lbcore::test::web();
  for (int i = 0; i < 1000; ++i) {  // more than one batch
    const std::string address = fmt::format("10.9.{}.{}:80", i / 250, i % 250);
    running.pools[0].servers.push_back(lbcore::test::server(address, address));
  }
  one.lane.answer(one.asked[0].first, "done");
  one.lane.changed(one.records.note(lbcore::test::web(), running));
  while (two.answers.empty()) ASSERT_TRUE(pass(one, two));
  EXPECT_EQ(two.taken, 1) << "the change was there first";
  EXPECT_EQ(two.answers, std::vector<std::string>{"done"});
}

TEST_F(RuntimeLaneTest, AnAnswerThatDoesNotComeIsAFailure) {
  two.ask("late", now);
  talk();
  now += 1s;
  two.lane.tick(now);
  ASSERT_EQ(two.answers.size(), 1U);
  EXPECT_EQ(two.answers[0], "failed: the peer has not answered within 1s: it may be done or not");
  one.lane.answer(one.asked.at(0).first, "too late");
  talk();
  EXPECT_EQ(two.answers.size(), 1U);

  two.ask("lost", now);
  two.lane.down();
  one.lane.down();
  ASSERT_EQ(two.answers.size(), 2U);
  EXPECT_NE(two.answers[1].find("the pair link was lost"), std::string::npos);
  two.ask("nobody there", now);
  EXPECT_EQ(two.answers.at(2), "failed: the peer cannot be asked");
  one.lane.answer(7, "to nobody");
  meet();
  EXPECT_EQ(two.answers.size(), 3U) << "an answer never goes over another connection";
}

TEST_F(RuntimeLaneTest, QuestionsAreFewAndSmall) {
  for (size_t i = 0; i < RuntimeLane::kMaxQuestions; ++i) two.ask("one more", now);
  EXPECT_TRUE(two.answers.empty());
  two.ask("one too many", now);
  ASSERT_EQ(two.answers.size(), 1U);
  EXPECT_NE(two.answers[0].find("try again"), std::string::npos);
  one.ask(std::string(RuntimeLane::kMaxQuestionBytes + 1, 'x'), now);
  ASSERT_EQ(one.answers.size(), 1U);
  EXPECT_NE(one.answers[0].find("too many for the pair link"), std::string::npos);
  talk();
  EXPECT_EQ(one.asked.size(), RuntimeLane::kMaxQuestions);

  wire::Frame frame;
  frame.mutable_question()->set_request("x");
  bool taken = true;
  for (size_t i = 0; i <= RuntimeLane::kMaxOwed && taken; ++i)
    taken = one.lane.take(frame, now).has_value();
  EXPECT_FALSE(taken) << "no sane peer asks so much";
}

TEST_F(RuntimeLaneTest, AChangeOnItsWayIsNoLossOfStep) {
  EXPECT_TRUE(one.lane.in_step());
  EXPECT_TRUE(two.lane.in_step());
  const int before = one.steps;
  Spec running = lbcore::test::web();
  running.pools[0].servers[0].weight = 5;
  one.lane.changed(one.records.note(lbcore::test::web(), running));
  EXPECT_TRUE(one.lane.tick(now)) << "there is something to send";
  EXPECT_TRUE(one.lane.in_step());
  now += 1500ms;
  one.lane.tick(now);
  EXPECT_FALSE(one.lane.in_step()) << "it does not arrive";
  EXPECT_EQ(one.steps, before + 1);
  talk();
  EXPECT_TRUE(one.lane.in_step());
  EXPECT_TRUE(two.lane.in_step());
  one.lane.down();
  EXPECT_FALSE(one.lane.in_step());
}

TEST(RateLane, SaysTheLatestAndHearsItOnce) {
  const TimePoint now = TimePoint{} + 1h;
  RateLane from;
  RateLane to;
  wire::Frame frame;
  wire::RateDebts debts;
  debts.add_services()->set_name("web");
  from.say(debts);
  EXPECT_FALSE(from.next(frame, now)) << "not up";
  from.up({}, now);
  from.say(debts);
  debts.mutable_services(0)->set_debt_us(7);
  from.say(debts);
  ASSERT_TRUE(from.next(frame, now));
  EXPECT_FALSE(from.next(frame, now));
  ASSERT_TRUE(to.take(frame, now));
  const auto heard = to.take_heard(now + 300ms);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->debts.services(0).debt_us(), 7U);
  EXPECT_EQ(heard->age, 300ms);
  EXPECT_FALSE(to.take_heard(now));

  for (size_t i = 0; i <= RateLane::kMostSources; ++i)
    frame.mutable_rate_debts()->mutable_services(0)->add_sources();
  EXPECT_FALSE(to.take(frame, now));
}

}  // namespace
}  // namespace hapair::lbcore::replicate
