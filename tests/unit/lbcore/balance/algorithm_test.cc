#include "lbcore/balance/algorithm.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

constexpr Algorithm kAll[] = {Algorithm::rr,  Algorithm::wrr, Algorithm::lc,     Algorithm::wlc,
                              Algorithm::sed, Algorithm::nq,  Algorithm::random, Algorithm::p2c,
                              Algorithm::lrt, Algorithm::lbw, Algorithm::sh,     Algorithm::mh,
                              Algorithm::fo,  Algorithm::ovf};

TEST(Algorithm, NamesAreParsedBack) {
  for (const Algorithm algorithm : kAll) {
    const auto parsed = parse_algorithm(name(algorithm));
    ASSERT_TRUE(parsed) << name(algorithm);
    EXPECT_EQ(*parsed, algorithm);
  }
}

TEST(Algorithm, AnUnknownNameIsRefusedWithTheValidOnes) {
  for (const auto* text : {"", "RR", "wrr ", "dhh"}) {
    const auto parsed = parse_algorithm(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message,
              "unknown scheduler '" + std::string(text) +
                  "'; valid are rr, wrr, lc, wlc, sed, nq, random, p2c, lrt, lbw, sh, mh, fo, ovf");
  }
}

TEST(Algorithm, WhatOnlyTheKernelHasIsRefusedWithTheNearest) {
  EXPECT_EQ(parse_algorithm("lblcr").error().message,
            "scheduler lblcr is not offered: it balances caches by destination address, and a "
            "proxied service has only one; nearest is mh");
  EXPECT_EQ(parse_algorithm("dh").error().message,
            "scheduler dh is not offered: it hashes the destination address, and a proxied service "
            "has only one; nearest is sh or mh, which hash the source");
}

// What holds for every scheduler.
class EveryScheduler : public testing::TestWithParam<Algorithm> {
 protected:
  std::unique_ptr<Scheduler> scheduler_ = make_scheduler(GetParam());
};

TEST_P(EveryScheduler, PicksNothingFromNothing) {
  EXPECT_FALSE(scheduler_->pick({})) << "before it knows anybody";
  EXPECT_EQ(picks(*scheduler_, {}, 3), "---");
  auto servers = usable({1, 2, 3});
  for (auto& server : servers) server.usable = false;
  EXPECT_EQ(picks(*scheduler_, servers, 3), "---");
}

TEST_P(EveryScheduler, NeverPicksWeightZero) {
  EXPECT_EQ(picks(*scheduler_, usable({0, 0}), 2), "--");
  auto servers = usable({0, 3, 0, 1});
  for (auto& server : servers) server.limit = 1000;
  servers[1].active = 100;
  servers[3].active = 100;
  for (uint64_t source = 0; source < 100; ++source) {
    const auto index = pick(*scheduler_, servers, {.source_hash = source});
    ASSERT_TRUE(index);
    EXPECT_TRUE(*index == 1 || *index == 3) << *index;
  }
}

TEST_P(EveryScheduler, ARetryFindsEveryServerOnceAndThenNothing) {
  const auto servers = usable({1, 5, 2});
  scheduler_->update(servers.candidates());
  for (uint64_t source = 0; source < 100; ++source) {
    std::vector<size_t> tried;
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto index = scheduler_->pick({.source_hash = source, .tried = tried});
      ASSERT_TRUE(index);
      EXPECT_EQ(std::ranges::count(tried, *index), 0);
      tried.push_back(*index);
    }
    EXPECT_FALSE(scheduler_->pick({.source_hash = source, .tried = tried}));
  }
}

TEST_P(EveryScheduler, PicksOnlyWhatIsUsable) {
  auto servers = usable({1, 5, 2, 9});
  for (const size_t down : {1U, 3U, 0U}) {
    servers[down].usable = false;
    for (uint64_t source = 0; source < 50; ++source) {
      const auto index = pick(*scheduler_, servers, {.source_hash = source});
      ASSERT_TRUE(index);
      EXPECT_TRUE(servers[*index].usable);
    }
  }
}

TEST_P(EveryScheduler, SurvivesAnyChangeOfTheList) {
  for (const size_t count : {3U, 7U, 1U, 0U, 2U}) {
    Servers servers(count);
    for (auto& server : servers) {
      server.weight = 2;
      server.active = 1;
    }
    for (int i = 0; i < 10; ++i) {
      const auto index = pick(*scheduler_, servers, {.source_hash = static_cast<uint64_t>(i)});
      EXPECT_EQ(index.has_value(), count > 0);
      if (index) {
        EXPECT_LT(*index, count);
      }
    }
  }
}

TEST_P(EveryScheduler, BearsTheLargestFigures) {
  auto servers = usable({~0U, ~0U, 1});
  for (auto& server : servers) {
    server.active = ~0U - 1;
    server.limit = ~0U;
    server.bytes_in = server.bytes_out = ~uint64_t{0};
    server.connect.sample(std::chrono::hours(10000), TimePoint(1h));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(pick(*scheduler_, servers, {.source_hash = ~uint64_t{0}, .now = TimePoint(1h)}));
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryScheduler, testing::ValuesIn(kAll),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace hapair::lbcore::balance
