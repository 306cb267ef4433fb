// When a witness is asked, and what its silence means.
#include "vrrpd/witness/witness.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

constexpr TimePoint kStart{100s};

class WitnessTest : public testing::Test {
 protected:
  void SetUp() override { witness_.begin(kStart); }
  Witness witness_{1s};
};

TEST_F(WitnessTest, is_asked_at_once_and_then_regularly) {
  EXPECT_EQ(witness_.next(), kStart);
  EXPECT_TRUE(witness_.on_time(kStart).probe);
  EXPECT_EQ(witness_.next(), kStart + 1s);
  EXPECT_FALSE(witness_.on_time(kStart + 999ms).probe);
  EXPECT_TRUE(witness_.on_time(kStart + 1s).probe);
}

TEST_F(WitnessTest, fails_after_three_probes_without_an_answer) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(witness_.on_time(kStart + i * 1s).failed) << i;
  EXPECT_TRUE(witness_.on_time(kStart + 3s).failed);
  EXPECT_EQ(witness_.silent_since(), kStart);
  EXPECT_TRUE(witness_.on_time(kStart + 4s).failed);
}

TEST_F(WitnessTest, one_answer_ends_the_silence) {
  for (int i = 0; i < 3; ++i) witness_.on_time(kStart + i * 1s);
  witness_.on_answer(kStart + 2500ms);
  EXPECT_EQ(witness_.silent_since(), std::nullopt);
  EXPECT_EQ(witness_.answered(), kStart + 2500ms);
  EXPECT_FALSE(witness_.on_time(kStart + 3s).failed);
}

TEST_F(WitnessTest, looked_at_closely_it_fails_within_the_window) {
  witness_.on_time(kStart);
  witness_.on_answer(kStart + 1ms);
  const TimePoint asked = kStart + 100ms;
  witness_.look_closely(asked, 50ms);
  int probes = 0;
  TimePoint now = asked;
  for (; now < asked + 50ms; now = witness_.next()) {
    const auto outcome = witness_.on_time(now);
    EXPECT_FALSE(outcome.failed);
    probes += outcome.probe ? 1 : 0;
  }
  EXPECT_EQ(probes, 5);
  EXPECT_EQ(now, asked + 50ms);
  EXPECT_TRUE(witness_.on_time(now).failed);
  EXPECT_EQ(witness_.silent_since(), asked);
}

TEST_F(WitnessTest, looked_at_closely_an_answer_suffices) {
  witness_.look_closely(kStart, 50ms);
  witness_.on_time(kStart);
  witness_.on_answer(kStart + 1ms);
  EXPECT_EQ(witness_.next(), kStart + 1ms + 1s);
  EXPECT_FALSE(witness_.on_time(kStart + 1001ms).failed);
}

TEST_F(WitnessTest, a_second_close_look_does_not_postpone_the_first_ones_verdict) {
  witness_.look_closely(kStart, 50ms);
  witness_.on_time(kStart);
  witness_.look_closely(kStart + 40ms, 50ms);
  for (TimePoint now = witness_.next(); now < kStart + 50ms; now = witness_.next()) {
    witness_.on_time(now);
  }
  EXPECT_TRUE(witness_.on_time(kStart + 50ms).failed);
}

}  // namespace
}  // namespace hapair::vrrp
