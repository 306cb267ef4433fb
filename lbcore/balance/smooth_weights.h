// Smooth weighted rotation, as nginx does it: in every round each contender gains its weight, the
// richest wins and pays what all gained. In any run of sum(weights) rounds each contender wins
// exactly `weight` times, and its wins are spread out: 5, 1, 1 gives a a b a c a a. The order of
// equals is their order in the list.
//
// Who does not contend keeps its balance: when a server comes back it gets its share from then on,
// it is not flooded with what it missed. Used by wrr among all servers, and by least() among those
// that are equally loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

class SmoothWeights {
 public:
  /// A staggered instance behaves as if it had turned `start` times already.
  explicit SmoothWeights(size_t start) : skip_(start) {}

  /// Starts anew when the number of candidates or any weight differs from the last call; a weight
  /// that ramps keeps its balance.
  void update(std::span<const Candidate> candidates) {
    bool same = credits_.size() == candidates.size();
    for (size_t i = 0; same && i < candidates.size(); ++i) {
      same = credits_[i].weight == candidates[i].weight;
    }
    if (!same) credits_.assign(candidates.size(), Credit{});
    for (size_t i = 0; i < candidates.size(); ++i) {
      credits_[i].weight = candidates[i].weight;
      credits_[i].share = static_cast<int64_t>(candidates[i].share());
    }
  }

  /// Who wins one round among the members that contend: `contends` is asked for each place in
  /// `members`. Nothing when none does.
  template <typename Contends>
  std::optional<size_t> turn(std::span<const Member> members, Contends contends) {
    for (; skip_ > 0; --skip_) round(members, contends);
    return round(members, contends);
  }

 private:
  struct Credit {
    int64_t balance = 0;
    int64_t share = 0;
    uint32_t weight = 0;
  };

  template <typename Contends>
  std::optional<size_t> round(std::span<const Member> members, Contends contends) {
    int64_t total = 0;
    Credit* best = nullptr;
    size_t winner = 0;
    for (size_t place = 0; place < members.size(); ++place) {
      if (!contends(place)) continue;
      Credit& own = credits_[members[place].index];
      own.balance += own.share;
      total += own.share;
      if (best != nullptr && own.balance <= best->balance) continue;
      best = &own;
      winner = members[place].index;
    }
    if (best == nullptr) return std::nullopt;
    best->balance -= total;
    return winner;
  }

  size_t skip_;
  std::vector<Credit> credits_;  // by index of the candidate
};

}  // namespace hapair::lbcore::balance
