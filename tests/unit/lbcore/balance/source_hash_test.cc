#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/assignments.h"

namespace hapair::lbcore::balance {
namespace {

constexpr uint64_t kClients = 100'000;

std::map<uint64_t, uint64_t> count(const std::vector<uint64_t>& assigned) {
  std::map<uint64_t, uint64_t> out;
  for (const uint64_t token : assigned) ++out[token];
  return out;
}

TEST(SourceHash, IsTheSameOnEveryNodeAndInEveryOrder) {
  const auto forward = servers({3, 1, 2, 2});
  auto backward = forward;
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(assignments(Algorithm::sh, kClients, forward),
            assignments(Algorithm::sh, kClients, backward));
}

// Golden: a change of these breaks stickiness across an upgrade of one node.
TEST(SourceHash, StaysTheSameAcrossVersions) {
  const auto candidates = servers({1, 1, 1});
  const auto scheduler = make_scheduler(Algorithm::sh);
  scheduler->update(candidates);
  std::string out;
  for (uint64_t client = 1; client <= 24; ++client) {
    out += static_cast<char>('a' + *scheduler->pick({.source_hash = client * 0x0a000001}));
  }
  EXPECT_EQ(out, "bcabcccbbbabbccbcacaabac");
}

TEST(SourceHash, SharesFollowTheWeights) {
  const auto candidates = servers({5, 3, 1, 1});
  const auto counts = count(assignments(Algorithm::sh, kClients, candidates));
  for (const Candidate& candidate : candidates) {
    const double expected = static_cast<double>(kClients) * candidate.weight / 10;
    // Five standard deviations of a fair draw.
    EXPECT_NEAR(static_cast<double>(counts.at(candidate.token)), expected, 5 * std::sqrt(expected));
  }
}

// When a server leaves, exactly its clients move; the others stay where they are. (Taking the hash
// modulo the number of servers would move three of four here.)
TEST(SourceHash, OnlyTheClientsOfALeavingServerMove) {
  const auto all = servers({1, 1, 1, 1});
  auto without = all;
  without.erase(without.begin() + 1);
  const auto before = assignments(Algorithm::sh, kClients, all);
  const auto after = assignments(Algorithm::sh, kClients, without);
  uint64_t moved = 0;
  std::map<uint64_t, uint64_t> received;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) {
      ++moved;
      ++received[after[i]];
      ASSERT_EQ(before[i], all[1].token);
    }
  }
  EXPECT_EQ(moved, count(before).at(all[1].token));
  RecordProperty("moved_of_100000", static_cast<int>(moved));
  for (const Candidate& candidate : without) {
    const double expected = static_cast<double>(moved) / 3;
    EXPECT_NEAR(static_cast<double>(received[candidate.token]), expected, 5 * std::sqrt(expected));
  }
}

TEST(SourceHash, AServerThatIsDownKeepsItsClientsForItsReturn) {
  auto candidates = servers({2, 1, 1});
  const auto before = assignments(Algorithm::sh, kClients, candidates);
  candidates[0].usable = false;
  const auto during = assignments(Algorithm::sh, kClients, candidates);
  EXPECT_EQ(count(during).count(candidates[0].token), 0U);
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != candidates[0].token) {
      ASSERT_EQ(before[i], during[i]);
    }
  }
  candidates[0].usable = true;
  EXPECT_EQ(assignments(Algorithm::sh, kClients, candidates), before);
}

TEST(SourceHash, AWeightThatGrowsOnlyAttractsClients) {
  auto candidates = servers({1, 1, 1});
  const auto before = assignments(Algorithm::sh, kClients, candidates);
  candidates[2].weight = 2;
  const auto after = assignments(Algorithm::sh, kClients, candidates);
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) {
      ASSERT_EQ(after[i], candidates[2].token);
    }
  }
}

}  // namespace
}  // namespace hapair::lbcore::balance
