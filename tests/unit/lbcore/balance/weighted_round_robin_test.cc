#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/picks.h"

namespace hapair::lbcore::balance {
namespace {

// The sequence in nginx's description of the algorithm, over and over.
TEST(WeightedRoundRobin, IsSmooth) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  EXPECT_EQ(picks(*scheduler, usable({5, 1, 1}), 21), "aabacaaaabacaaaabacaa");
}

TEST(WeightedRoundRobin, EqualWeightsAreRoundRobin) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  EXPECT_EQ(picks(*scheduler, usable({7, 7, 7}), 7), "abcabca");
}

// Not only per round: in every window of sum(weights) picks, wherever it begins.
TEST(WeightedRoundRobin, EveryWindowIsExact) {
  const std::array<uint32_t, 5> weights{13, 1, 7, 2, 4};
  constexpr size_t kSum = 27;
  const auto scheduler = make_scheduler(Algorithm::wrr);
  const std::string sequence = picks(*scheduler, usable({13, 1, 7, 2, 4}), 3 * kSum);
  for (size_t begin = 0; begin + kSum <= sequence.size(); ++begin) {
    const std::string window = sequence.substr(begin, kSum);
    for (size_t server = 0; server < weights.size(); ++server) {
      EXPECT_EQ(std::count(window.begin(), window.end(), static_cast<char>('a' + server)),
                weights[server])
          << "window " << begin << " server " << server;
    }
  }
}

TEST(WeightedRoundRobin, TheOthersShareWhileOneIsDown) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  auto servers = usable({2, 1, 1});
  servers[0].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 6), "bcbcbc");
}

TEST(WeightedRoundRobin, WhoComesBackIsNotFlooded) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  auto servers = usable({1, 1});
  servers[1].usable = false;
  EXPECT_EQ(picks(*scheduler, servers, 100), std::string(100, 'a'));
  servers[1].usable = true;
  EXPECT_EQ(picks(*scheduler, servers, 4), "abab");
}

TEST(WeightedRoundRobin, AWeightThatChangesStartsTheSequenceAnew) {
  const auto scheduler = make_scheduler(Algorithm::wrr);
  EXPECT_EQ(picks(*scheduler, usable({5, 1, 1}), 3), "aab");
  EXPECT_EQ(picks(*scheduler, usable({1, 3}), 4), "babb");
  EXPECT_EQ(picks(*scheduler, usable({3, 1}), 4), "aaba");
}

TEST(WeightedRoundRobin, WorkersBeginStaggered) {
  const auto servers = usable({5, 1, 1});
  EXPECT_EQ(picks(*make_scheduler(Algorithm::wrr, 2), servers, 7), "bacaaaa");
}

}  // namespace
}  // namespace hapair::lbcore::balance
