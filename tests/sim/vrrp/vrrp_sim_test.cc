// Thousands of seeded lives of a pair. Every run breaks things at random, then everything heals;
// the invariants of the design hold at every step, and at the end exactly one node is Active, holds
// the VIP, and the clients reach it. A failing seed prints its story; replay it alone with
// HAPAIR_SIM_SEED=N.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "common/units.h"
#include "tests/sim/vrrp/world.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp::sim {
namespace {

constexpr uint64_t kRuns = 10000;

uint64_t first_seed() {
  const char* given = std::getenv("HAPAIR_SIM_SEED");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

uint64_t runs() {
  return std::getenv("HAPAIR_SIM_SEED") == nullptr ? kRuns : 1;
}

template <typename T>
T one_of(std::mt19937_64& random, const std::vector<T>& choices) {
  return choices[std::uniform_int_distribution<size_t>(0, choices.size() - 1)(random)];
}

PairSetup random_setup(std::mt19937_64& random) {
  PairSetup setup;
  setup.interval = one_of<Duration>(random, {10ms, 100ms, 1s});
  setup.node[0].priority = one_of<uint8_t>(random, {100, 150, 200, 254});
  setup.node[1].priority = one_of<uint8_t>(random, {100, 150, 200, 1});
  setup.node[0].preempt = one_of<int>(random, {0, 1}) == 1;
  setup.node[1].preempt = setup.node[0].preempt;
  for (NodeSetup& node : setup.node) {
    node.preempt_delay = setup.interval * one_of<int>(random, {0, 0, 3, 20});
  }
  return setup;
}

/// Something goes wrong at `when` and is mended some intervals later.
void break_something(World& world, std::mt19937_64& random, const PairSetup& setup,
                     TimePoint when) {
  const int node = one_of<int>(random, {0, 1});
  const auto lasts = std::chrono::duration_cast<Duration>(
      setup.interval * std::uniform_real_distribution<>(0.1, 12)(random));
  const TimePoint mended = when + lasts;
  switch (std::uniform_int_distribution<>(0, 11)(random)) {
    case 0:
      world.at(when, [&world, node] { world.power(node, false); });
      world.at(mended, [&world, node] { world.power(node, true); });
      break;
    case 1:
      world.at(when, [&world, node, takes = one_of<Duration>(random, {1ms, 3ms, 8ms, 200ms})] {
        world.kill_speaker(node, takes);
      });
      break;
    case 2:
      world.at(when, [&world, node] { world.freeze(node, true); });
      world.at(mended, [&world, node] { world.freeze(node, false); });
      break;
    case 3:
      world.at(when, [&world, node] { world.set_uplink(node, false); });
      world.at(mended, [&world, node] { world.set_uplink(node, true); });
      break;
    case 4:
      world.at(when, [&world, node] { world.set_downlink(node, false); });
      world.at(mended, [&world, node] { world.set_downlink(node, true); });
      break;
    case 5:
      world.at(when, [&world, node] {
        world.set_uplink(node, false);
        world.set_downlink(node, false);
      });
      world.at(mended, [&world, node] {
        world.set_uplink(node, true);
        world.set_downlink(node, true);
      });
      break;
    case 6:
      world.at(when, [&world] { world.set_loss(0.3); });
      world.at(mended, [&world] { world.set_loss(0); });
      break;
    case 7:
      world.at(when, [&world, node] { world.serving(node, false); });
      world.at(mended, [&world, node] { world.serving(node, true); });
      break;
    case 8:
      world.at(when, [&world, node] { world.stall_speaker(node); });
      break;
    case 9:
      world.at(when, [&world, node, lasts] { world.kill_guardian(node, lasts); });
      break;
    case 10:
      world.at(when, [&world, node, lasts] { world.kill_both(node, lasts); });
      break;
    default:
      world.at(when, [&world, node] { world.remove_vip(node); });
      break;
  }
}

/// Everything that was broken works again, whatever overlapped.
void heal(World& world) {
  world.set_loss(0);
  for (const int node : {0, 1}) {
    world.power(node, true);
    world.freeze(node, false);
    world.set_uplink(node, true);
    world.set_downlink(node, true);
    world.serving(node, true);
  }
}

std::string explain(uint64_t seed, const World& world) {
  return fmt::format("seed {} (replay: HAPAIR_SIM_SEED={} sim_vrrp)\n{}", seed, seed,
                     fmt::join(world.story(), "\n"));
}

std::string distribution(std::vector<double> ms) {
  std::ranges::sort(ms);
  const auto at = [&](double share) {
    return ms[static_cast<size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  return fmt::format("p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, max {:.2f} intervals", at(0.5), at(0.9),
                     at(0.99), at(1));
}

TEST(VrrpSimulation, WhateverBreaksOneNodeServesInTheEnd) {
  std::vector<double> dual;
  std::vector<double> dark;
  for (uint64_t seed = first_seed(); seed < first_seed() + runs(); ++seed) {
    std::mt19937_64 random(seed);
    const PairSetup setup = random_setup(random);
    World world(setup, seed);
    if (one_of<int>(random, {0, 1}) == 1) world.set_duplicates(0.1);
    const Duration span = setup.interval * 40;
    const int faults = std::uniform_int_distribution<>(1, 6)(random);
    for (int i = 0; i < faults; ++i) {
      const auto when = std::chrono::duration_cast<Duration>(
          span * std::uniform_real_distribution<>(0.1, 1)(random));
      break_something(world, random, setup, TimePoint(1000s) + when);
    }
    world.run_until(TimePoint(1000s) + span + setup.interval * 13);
    heal(world);
    // Long enough for a respawn, an election and, with preemption, a second one.
    const Duration delay = std::max(setup.node[0].preempt_delay, setup.node[1].preempt_delay);
    const Duration quiet = setup.interval * 14 + 2500ms + delay;
    world.run_until(world.now() + quiet);

    ASSERT_EQ(world.violation(), "") << explain(seed, world);
    ASSERT_NE(world.role(0) == Role::active, world.role(1) == Role::active) << explain(seed, world);
    ASSERT_NE(world.holds_vip(0), world.holds_vip(1)) << explain(seed, world);
    ASSERT_TRUE(world.answered()) << "the clients look for the VIP at the wrong port\n"
                                  << explain(seed, world);
    if (setup.node[0].preempt && setup.node[0].priority != setup.node[1].priority) {
      const int better = setup.node[0].priority > setup.node[1].priority ? 0 : 1;
      ASSERT_EQ(world.role(better), Role::active) << "with preemption the better one serves\n"
                                                  << explain(seed, world);
    }
    dual.push_back(world.times().longest_dual / (setup.interval * 1.0));
    dark.push_back(world.times().longest_dark / (setup.interval * 1.0));
  }
  fmt::print(
      "{} runs; longest time with two answering: {}; with none although a node was healthy: {}\n",
      dual.size(), distribution(dual), distribution(dark));
}

/// The pain of others: after a partition the winner never announces, and clients keep the loser's
/// port.
TEST(VrrpSimulation, AfterAPartitionTheClientsFindTheWinnerWithinAnInterval) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937_64 random(seed);
    PairSetup setup = random_setup(random);
    World world(setup, seed);
    world.run_until(TimePoint(1000s) + setup.interval * 8);
    const int cut = one_of<int>(random, {0, 1});
    world.set_uplink(cut, false);
    world.set_downlink(cut, false);
    const auto lasts = std::chrono::duration_cast<Duration>(
        setup.interval * std::uniform_real_distribution<>(4, 9)(random));
    world.run_until(world.now() + lasts);
    world.set_uplink(cut, true);
    world.set_downlink(cut, true);
    const TimePoint healed = world.now();
    TimePoint last_dark = healed;
    while (world.now() < healed + 6 * setup.interval) {
      world.run_until(world.now() + setup.interval / 50);
      if (!world.answered()) last_dark = world.now();
    }
    ASSERT_EQ(world.violation(), "") << explain(seed, world);
    ASSERT_LE(last_dark - healed, setup.interval + 5ms) << explain(seed, world);
  }
}

TEST(VrrpSimulation, ASpeakerThatIsReplacedPromptlyIsNoticedByNobody) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937_64 random(seed);
    const PairSetup setup = random_setup(random);
    World world(setup, seed);
    world.run_until(TimePoint(1000s) + setup.interval * 8 + 700ms);
    const bool first = world.role(0) == Role::active;
    const int victim = one_of<int>(random, {0, 1});
    const auto phase = std::chrono::duration_cast<Duration>(
        setup.interval * std::uniform_real_distribution<>(0, 1)(random));
    world.run_until(world.now() + phase);
    const bool held = world.holds_vip(victim);
    world.kill_speaker(victim, one_of<Duration>(random, {1ms, 3ms, 8ms}));
    const TimePoint killed = world.now();
    while (world.now() < killed + 8 * setup.interval) {
      world.run_until(world.now() + setup.interval / 50);
      ASSERT_EQ(world.holds_vip(victim), held) << explain(seed, world);
      ASSERT_NE(world.role(1 - victim), held ? Role::active : Role::backup) << explain(seed, world);
    }
    ASSERT_EQ(world.violation(), "") << explain(seed, world);
    ASSERT_EQ(world.role(0) == Role::active, first) << explain(seed, world);
  }
}

}  // namespace
}  // namespace hapair::vrrp::sim
