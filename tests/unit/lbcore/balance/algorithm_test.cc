#include "lbcore/balance/algorithm.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

constexpr Algorithm kAll[] = {Algorithm::rr, Algorithm::wrr, Algorithm::lc, Algorithm::wlc,
                              Algorithm::sh};

TEST(Algorithm, NamesAreParsedBack) {
  for (const Algorithm algorithm : kAll) {
    const auto parsed = parse_algorithm(name(algorithm));
    ASSERT_TRUE(parsed) << name(algorithm);
    EXPECT_EQ(*parsed, algorithm);
  }
}

TEST(Algorithm, AnUnknownNameIsRefusedWithTheValidOnes) {
  for (const auto* text : {"", "RR", "wrr ", "lblc"}) {
    const auto parsed = parse_algorithm(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message,
              "unknown scheduler '" + std::string(text) + "'; valid are rr, wrr, lc, wlc, sh");
  }
}

// What holds for every scheduler.
class EveryScheduler : public testing::TestWithParam<Algorithm> {
 protected:
  std::unique_ptr<Scheduler> scheduler_ = make_scheduler(GetParam());
};

TEST_P(EveryScheduler, PicksNothingFromNothing) {
  EXPECT_EQ(picks(*scheduler_, {}, 3), "---");
  auto candidates = usable({1, 2, 3});
  for (auto& candidate : candidates) candidate.usable = false;
  EXPECT_EQ(picks(*scheduler_, candidates, 3), "---");
}

TEST_P(EveryScheduler, NeverPicksWeightZero) {
  EXPECT_EQ(picks(*scheduler_, usable({0, 0}), 2), "--");
  auto candidates = usable({0, 3, 0, 1});
  candidates[1].active = 100;
  candidates[3].active = 100;
  for (uint64_t source = 0; source < 100; ++source) {
    const auto index = scheduler_->pick(candidates, source);
    ASSERT_TRUE(index);
    EXPECT_TRUE(*index == 1 || *index == 3) << *index;
  }
}

TEST_P(EveryScheduler, ARetryFindsEveryServerOnceAndThenNothing) {
  auto candidates = usable({1, 5, 2});
  std::string seen(3, '.');
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto index = scheduler_->pick(candidates, 7);
    ASSERT_TRUE(index);
    EXPECT_EQ(seen[*index], '.');
    seen[*index] = 'x';
    candidates[*index].usable = false;
  }
  EXPECT_FALSE(scheduler_->pick(candidates, 7));
}

TEST_P(EveryScheduler, SurvivesAnyChangeOfTheList) {
  for (const size_t count : {3U, 7U, 1U, 0U, 2U}) {
    std::vector<Candidate> candidates(count, Candidate{.weight = 2, .active = 1, .usable = true});
    for (int i = 0; i < 10; ++i) {
      const auto index = scheduler_->pick(candidates, static_cast<uint64_t>(i));
      EXPECT_EQ(index.has_value(), count > 0);
      if (index) {
        EXPECT_LT(*index, count);
      }
    }
  }
}

TEST_P(EveryScheduler, BearsTheLargestFigures) {
  auto candidates = usable({~0U, ~0U, 1});
  for (auto& candidate : candidates) candidate.active = ~0U;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(scheduler_->pick(candidates, ~uint64_t{0}));
}

INSTANTIATE_TEST_SUITE_P(All, EveryScheduler, testing::ValuesIn(kAll),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace hapair::lbcore::balance
