// Smooth weighted rotation, as nginx does it: in every round each contender gains its weight, the
// richest wins and pays what all gained. In any run of sum(weights) rounds each contender wins
// exactly `weight` times, and its wins are spread out: 5, 1, 1 gives a a b a c a a. The order of
// equals is their order in the list.
//
// Used by wrr among all servers and by wlc among servers that are equally loaded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lbcore/balance/scheduler.h"

namespace hapair::lbcore::balance {

class SmoothWeights {
 public:
  /// Starts anew when the number of candidates or any weight differs from the last call. Allocates
  /// only then.
  void follow(std::span<const Candidate> candidates) {
    bool same = credit_.size() == candidates.size();
    for (size_t i = 0; same && i < candidates.size(); ++i) {
      same = credit_[i].weight == candidates[i].weight;
    }
    if (same) return;
    credit_.clear();
    for (const Candidate& candidate : candidates) credit_.push_back({0, candidate.weight});
  }

  /// One contender of a round; all of them are entered between begin() and winner().
  void begin() {
    total_ = 0;
    best_ = kNobody;
  }
  void enter(size_t index) {
    Credit& own = credit_[index];
    own.balance += own.weight;
    total_ += own.weight;
    if (best_ == kNobody || own.balance > credit_[best_].balance) best_ = index;
  }
  /// Needs at least one contender.
  size_t winner() {
    credit_[best_].balance -= total_;
    return best_;
  }

 private:
  static constexpr size_t kNobody = ~size_t{0};
  struct Credit {
    int64_t balance = 0;
    uint32_t weight = 0;
  };
  std::vector<Credit> credit_;
  int64_t total_ = 0;
  size_t best_ = kNobody;
};

}  // namespace hapair::lbcore::balance
