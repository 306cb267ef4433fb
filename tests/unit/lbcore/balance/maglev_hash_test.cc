#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/balance/assignments.h"

namespace hapair::lbcore::balance {
namespace {

constexpr uint64_t kClients = 200'000;

std::map<uint64_t, double> shares(const std::vector<uint64_t>& assigned) {
  std::map<uint64_t, double> out;
  for (const uint64_t token : assigned) out[token] += 1.0 / static_cast<double>(assigned.size());
  return out;
}

/// Of the clients that `who` did not have, the share that moved.
double disruption(const std::vector<uint64_t>& before, const std::vector<uint64_t>& after,
                  uint64_t who) {
  double others = 0;
  double moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == who) continue;
    ++others;
    if (before[i] != after[i]) ++moved;
  }
  return moved / others;
}

TEST(MaglevHash, IsTheSameOnEveryNodeAndInEveryOrder) {
  const auto forward = servers({3, 1, 2, 2});
  auto backward = forward;
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(assignments(Algorithm::mh, kClients, forward),
            assignments(Algorithm::mh, kClients, backward));
}

// Golden: a change of these breaks stickiness across an upgrade of one node.
TEST(MaglevHash, StaysTheSameAcrossVersions) {
  const auto candidates = servers({1, 1, 1});
  const auto scheduler = make_scheduler(Algorithm::mh);
  scheduler->update(candidates);
  std::string out;
  for (uint64_t client = 1; client <= 24; ++client) {
    out += static_cast<char>('a' + *scheduler->pick({.source_hash = client * 0x0a000001}));
  }
  EXPECT_EQ(out, "cbaccbabcbabccacbbacabbb");
}

TEST(MaglevHash, SharesFollowTheWeights) {
  const auto candidates = servers({5, 3, 1, 1, 10});
  const auto share = shares(assignments(Algorithm::mh, kClients, candidates));
  for (const Candidate& candidate : candidates) {
    EXPECT_NEAR(share.at(candidate.token), candidate.weight / 20.0,
                0.02 * candidate.weight / 20.0 + 0.002);
  }
}

TEST(MaglevHash, OneOfTenLeavesThePool) {
  const auto all = servers(std::vector<uint32_t>(10, 1));
  const auto before = assignments(Algorithm::mh, kClients, all);
  double worst = 0;
  for (const size_t leaver : {0U, 4U, 9U}) {
    auto without = all;
    without.erase(without.begin() + static_cast<ptrdiff_t>(leaver));
    const auto after = assignments(Algorithm::mh, kClients, without);
    worst = std::max(worst, disruption(before, after, all[leaver].token));
    for (const auto& [token, share] : shares(after)) EXPECT_NEAR(share, 1.0 / 9, 0.005);
  }
  RecordProperty("moved_of_others_in_millionths", static_cast<int>(worst * 1e6));
  EXPECT_LT(worst, 0.01);
  EXPECT_GT(worst, 0.0) << "else the documented figure is wrong";
}

TEST(MaglevHash, OneOfAThousandLeavesThePool) {
  const auto all = servers(std::vector<uint32_t>(1000, 1));
  auto without = all;
  without.erase(without.begin() + 500);
  const double moved = disruption(assignments(Algorithm::mh, kClients, all),
                                  assignments(Algorithm::mh, kClients, without), all[500].token);
  RecordProperty("moved_of_others_in_millionths", static_cast<int>(moved * 1e6));
  EXPECT_LT(moved, 0.01);
}

// Down is not gone: nobody but its own clients moves, they spread over all, and they return.
TEST(MaglevHash, AServerThatIsDownLosesOnlyItsOwnClientsAndGetsThemBack) {
  auto candidates = servers(std::vector<uint32_t>(10, 1));
  const auto scheduler = make_scheduler(Algorithm::mh);
  const auto assigned = [&] {
    scheduler->update(candidates);
    std::vector<uint64_t> out;
    for (uint64_t client = 0; client < kClients; ++client) {
      out.push_back(candidates[*scheduler->pick({.source_hash = client})].token);
    }
    return out;
  };
  const auto before = assigned();
  candidates[3].usable = false;
  const auto during = assigned();
  EXPECT_EQ(disruption(before, during, candidates[3].token), 0.0);
  for (const auto& [token, share] : shares(during)) {
    EXPECT_NE(token, candidates[3].token);
    EXPECT_NEAR(share, 1.0 / 9, 0.005);
  }
  candidates[3].usable = true;
  EXPECT_EQ(assigned(), before);
}

TEST(MaglevHash, OneLeftOfAThousandServesEverybody) {
  auto candidates = servers(std::vector<uint32_t>(1000, 1));
  for (auto& candidate : candidates) candidate.usable = false;
  candidates[77].usable = true;
  EXPECT_EQ(shares(assignments(Algorithm::mh, kClients, candidates)).size(), 1U);
}

TEST(MaglevHash, SlowStartDoesNotMoveClients) {
  auto candidates = servers({1, 1, 1});
  const auto before = assignments(Algorithm::mh, kClients, candidates);
  candidates[1].ramp = 26;
  EXPECT_EQ(assignments(Algorithm::mh, kClients, candidates), before);
}

}  // namespace
}  // namespace hapair::lbcore::balance
