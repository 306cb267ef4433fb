#include "lbcore/health/ejection.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace hapair::lbcore::health {
namespace {

using What = Ejection::Change::What;
using Changes = std::vector<Ejection::Change>;

class EjectionTest : public testing::Test {
 protected:
  /// `count` servers that are well and usable.
  static std::vector<Ejection::Seen> servers(size_t count) {
    std::vector<Ejection::Seen> out;
    for (uint32_t id = 0; id < count; ++id) out.push_back({.id = id, .usable = true});
    return out;
  }
  Changes step(const std::vector<Ejection::Seen>& seen) { return core_.step(spec_, seen, now_); }

  PassiveSpec spec_ = parse_passive("failures 5 eject 10s max 1m max_share 50%").value();
  TimePoint now_{1h};
  Ejection core_;
};

TEST_F(EjectionTest, FailuresInARowEjectForATime) {
  auto seen = servers(4);
  seen[1].failures = 4;
  EXPECT_EQ(step(seen), Changes{});
  seen[1].failures = 5;
  EXPECT_EQ(step(seen), (Changes{{.id = 1, .what = What::ejected, .time = 10s}}));
  EXPECT_TRUE(core_.ejected(1));
  now_ += 10s - 1us;
  EXPECT_EQ(step(seen), Changes{});
  now_ += 1us;
  EXPECT_EQ(step(seen), (Changes{{.id = 1, .what = What::returned}}));
  EXPECT_FALSE(core_.ejected(1));
}

TEST_F(EjectionTest, EachTimeIsTwiceAsLongUpToTheMost) {
  auto seen = servers(4);
  for (const Duration expected : {10s, 20s, 40s, 60s, 60s}) {
    seen[0].failures = 5;
    EXPECT_EQ(step(seen), (Changes{{.id = 0, .what = What::ejected, .time = expected}}));
    now_ += expected;
    EXPECT_EQ(step(seen), (Changes{{.id = 0, .what = What::returned}}));
    now_ += 1s;
  }
}

TEST_F(EjectionTest, GoodTimesTakeTheDoublingsBack) {
  auto seen = servers(4);
  for (const Duration expected : {10s, 20s, 40s}) {
    seen[0].failures = 5;
    EXPECT_EQ(step(seen).front().time, expected);
    now_ += expected;
    step(seen);
  }
  seen[0].failures = 0;
  for (int i = 0; i < 2; ++i) {
    now_ += 10s;
    EXPECT_EQ(step(seen), Changes{});
  }
  seen[0].failures = 5;
  EXPECT_EQ(step(seen).front().time, 20s) << "three times, and two taken back";
}

TEST_F(EjectionTest, TheShareOfThePoolIsABound) {
  auto seen = servers(5);
  for (auto& server : seen) server.failures = 9;
  const Changes first = step(seen);
  EXPECT_EQ(std::ranges::count(first, What::ejected, &Ejection::Change::what), 2)
      << "three would be 60%";
  EXPECT_EQ(std::ranges::count(first, What::held, &Ejection::Change::what), 3);
  EXPECT_EQ(step(seen), Changes{}) << "said once";
}

TEST_F(EjectionTest, TheLastServerStays) {
  spec_.max_share = 100;
  auto seen = servers(3);
  seen[2].usable = false;  // down by its check
  for (auto& server : seen) server.failures = 9;
  EXPECT_EQ(step(seen), (Changes{{.id = 0, .what = What::ejected, .time = 10s},
                                 {.id = 1, .what = What::held}}));
  Ejection alone;
  auto one = servers(1);
  one[0].failures = 9;
  EXPECT_EQ(alone.step(spec_, one, now_), (Changes{{.id = 0, .what = What::held}}));
}

TEST_F(EjectionTest, WhenTheOthersGoDownTheSoonestIsRecalled) {
  spec_.max_share = 100;
  auto seen = servers(3);
  seen[0].failures = 5;
  step(seen);
  now_ += 2s;
  seen[1].failures = 5;
  step(seen);
  EXPECT_TRUE(core_.ejected(0) && core_.ejected(1));
  seen[2].usable = false;
  EXPECT_EQ(step(seen), (Changes{{.id = 0, .what = What::recalled}}));
  EXPECT_TRUE(core_.ejected(1));
}

TEST_F(EjectionTest, WhatIsSwitchedOffOrGoneComesBack) {
  auto seen = servers(4);
  seen[3].failures = 5;
  step(seen);
  auto rest = seen;
  rest.pop_back();
  EXPECT_EQ(step(rest), Changes{});
  EXPECT_FALSE(core_.ejected(3)) << "gone, forgotten";
  EXPECT_EQ(step(seen).size(), 1U);
  spec_.failures = 0;
  EXPECT_EQ(step(seen), (Changes{{.id = 3, .what = What::returned}}));
}

// Whatever happens: never more than the share, never the last usable one.
TEST_F(EjectionTest, TheBoundsHoldInEveryCourse) {
  std::mt19937 random(20260421);
  for (int run = 0; run < 200; ++run) {
    Ejection core;
    PassiveSpec spec = spec_;
    spec.max_share = 1 + static_cast<uint32_t>(random() % 100);
    auto seen = servers(1 + random() % 8);
    TimePoint now{1h};
    for (int i = 0; i < 200; ++i) {
      for (auto& server : seen) {
        server.failures = random() % 3 == 0 ? 9 : 0;
        server.usable = random() % 4 != 0;
      }
      core.step(spec, seen, now);
      size_t out = 0;
      bool usable = false;
      bool left = false;
      for (const auto& server : seen) {
        out += core.ejected(server.id) ? 1 : 0;
        usable = usable || server.usable;
        left = left || (server.usable && !core.ejected(server.id));
      }
      ASSERT_LE(out * 100, spec.max_share * seen.size());
      ASSERT_EQ(left, usable);
      now += std::chrono::milliseconds(random() % 20'000);
    }
  }
}

TEST(PassiveSpec, IsReadAndWritten) {
  EXPECT_EQ(parse_passive("none"), PassiveSpec{});
  EXPECT_EQ(to_string(PassiveSpec{}), "none");
  const auto spec = parse_passive("failures 3 eject 1s max 10s max_share 20%").value();
  EXPECT_EQ(spec, (PassiveSpec{.failures = 3, .eject = 1s, .most = 10s, .max_share = 20}));
  EXPECT_EQ(parse_passive(to_string(spec)), spec);
  EXPECT_EQ(to_string(parse_passive("eject 10m").value()),
            "failures 5 eject 10m max 10m max_share 50%");
}

TEST(PassiveSpec, MistakesAreNamed) {
  const auto message = [](const char* text) { return parse_passive(text).error().message; };
  EXPECT_EQ(message(""), "the value is missing; valid are none, failures, eject, max, max_share");
  EXPECT_EQ(message("on"), "unknown word 'on'; valid are none, failures, eject, max, max_share");
  EXPECT_EQ(message("none failures 1"), "'none' takes nothing behind it");
  EXPECT_EQ(message("failures"), "failures needs a value");
  EXPECT_EQ(message("failures 0"), "failures: '0' is not valid; valid is 1 to 1000000");
  EXPECT_EQ(message("failures 1 failures 2"), "failures is given twice");
  EXPECT_EQ(message("eject 1ms"), "eject: '1ms' is out of range; valid is 100ms to 1d");
  EXPECT_EQ(message("max_share 50"), "max_share: '50' is not a share; valid is 1% to 100%");
  EXPECT_EQ(message("max_share 101%"), "max_share: '101%' is not a share; valid is 1% to 100%");
  EXPECT_EQ(message("eject 10s max 5s"), "max 5s is shorter than eject 10s");
}

}  // namespace
}  // namespace hapair::lbcore::health
