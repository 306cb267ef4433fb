#include "lbcore/relay/timer_wheel.h"

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::relay {
namespace {

const TimePoint kStart{1000h};

struct Node : WheelNode {
  void on_due() override {
    ++fired;
    if (then) then();
  }
  int fired = 0;
  std::function<void()> then;
};

TEST(TimerWheel, FiresOnceAndNeverEarly) {
  TimerWheel wheel(kStart);
  Node node;
  wheel.arm(node, kStart + 100ms);
  wheel.advance(kStart + 99ms);
  EXPECT_EQ(node.fired, 0);
  wheel.advance(kStart + 110ms);
  EXPECT_EQ(node.fired, 1);
  EXPECT_FALSE(node.armed());
  wheel.advance(kStart + 1h);
  EXPECT_EQ(node.fired, 1);
}

TEST(TimerWheel, FarDeadlinesAreSharedAndNearOnesExact) {
  constexpr Duration kTurn = 1024 * TimerWheel::kTick;
  for (const Duration near : {Duration{-1s}, Duration{0}, Duration{1s}, kTurn - 1ns}) {
    EXPECT_EQ(TimerWheel::coarse(kStart, kStart + near), kStart + near);
  }
  std::set<TimePoint> shared;
  for (Duration far = kTurn; far < 4 * kTurn; far += 7ms) {
    const TimePoint exact = kStart + far;
    const TimePoint coarse = TimerWheel::coarse(kStart, exact);
    EXPECT_GT(coarse, exact) << "never early";
    EXPECT_LE(coarse - exact, TimerWheel::kCoarse);
    EXPECT_EQ(coarse.time_since_epoch() % TimerWheel::kCoarse, Duration{0});
    shared.insert(coarse);
  }
  EXPECT_LE(shared.size(), size_t{26}) << "eight per turn";
}

TEST(TimerWheel, DisarmedAndRearmed) {
  TimerWheel wheel(kStart);
  Node node;
  wheel.arm(node, kStart + 50ms);
  wheel.disarm(node);
  wheel.disarm(node);
  wheel.advance(kStart + 1s);
  EXPECT_EQ(node.fired, 0);
  wheel.arm(node, kStart + 2s);
  wheel.arm(node, kStart + 3s);
  wheel.advance(kStart + 2500ms);
  EXPECT_EQ(node.fired, 0);
  wheel.advance(kStart + 3010ms);
  EXPECT_EQ(node.fired, 1);
}

TEST(TimerWheel, DeadlinesBeyondOneTurnWaitTheirTurn) {
  TimerWheel wheel(kStart);
  Node node;
  wheel.arm(node, kStart + 60s);
  for (Duration at = 0s; at < 60s; at += 7ms) wheel.advance(kStart + at);
  EXPECT_EQ(node.fired, 0);
  wheel.advance(kStart + 60s + 10ms);
  EXPECT_EQ(node.fired, 1);
}

TEST(TimerWheel, APastDeadlineIsDueAtTheNextTick) {
  TimerWheel wheel(kStart);
  Node node;
  wheel.arm(node, kStart - 5s);
  wheel.advance(kStart + 10ms);
  EXPECT_EQ(node.fired, 1);
}

TEST(TimerWheel, ALongSleepFiresEverything) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 3000; ++i) {
    wheel.arm(*nodes.emplace_back(std::make_unique<Node>()), kStart + i * 20ms);
  }
  wheel.advance(kStart + 2h);
  for (const auto& node : nodes) EXPECT_EQ(node->fired, 1);
  EXPECT_EQ(wheel.next_due(), std::nullopt);
}

TEST(TimerWheel, ACallbackMayDisarmItsNeighbourAndRearmItself) {
  TimerWheel wheel(kStart);
  Node first;
  Node second;
  wheel.arm(first, kStart + 10ms);
  wheel.arm(second, kStart + 10ms);
  first.then = [&] {
    wheel.disarm(second);
    if (first.fired == 1) wheel.arm(first, kStart + 20ms);
  };
  wheel.advance(kStart + 1s);
  EXPECT_EQ(second.fired, 0);
  wheel.advance(kStart + 2s);
  EXPECT_EQ(first.fired, 2);
}

TEST(TimerWheel, NextDueIsNeverLate) {
  std::mt19937 random(7);
  TimerWheel wheel(kStart);
  TimePoint now = kStart;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<TimePoint> due;
  for (int i = 0; i < 500; ++i) {
    due.push_back(now + std::chrono::milliseconds(random() % 30000));
    wheel.arm(*nodes.emplace_back(std::make_unique<Node>()), due.back());
  }
  int steps = 0;
  while (const auto next = wheel.next_due()) {
    ASSERT_GT(*next, now);
    now = *next;
    wheel.advance(now);
    ++steps;
    for (size_t i = 0; i < nodes.size(); ++i) {
      ASSERT_EQ(nodes[i]->fired, due[i] + TimerWheel::kTick <= now || nodes[i]->fired) << i;
      if (nodes[i]->fired != 0) {
        ASSERT_LE(due[i], now) << "early";
      }
    }
  }
  for (const auto& node : nodes) EXPECT_EQ(node->fired, 1);
  EXPECT_LT(steps, 3000);
}

}  // namespace
}  // namespace hapair::lbcore::relay
