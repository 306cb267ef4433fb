// wlc: the server with the fewest open connections per unit of weight. Equals share by smooth
// weighted rotation: with short connections most servers are idle most of the time, and a plain
// rotation among them would ignore the weights.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/eligible.h"
#include "lbcore/balance/smooth_weights.h"

namespace hapair::lbcore::balance {

namespace {

/// a.active / a.weight < b.active / b.weight, without division. Both weights are above 0.
bool less_loaded(const Candidate& a, const Candidate& b) {
  return uint64_t{a.active} * b.weight < uint64_t{b.active} * a.weight;
}

class WeightedLeastConnections final : public Scheduler {
 public:
  explicit WeightedLeastConnections(size_t start) : skip_(start) {}

  std::optional<size_t> pick(std::span<const Candidate> candidates, uint64_t) override {
    weights_.follow(candidates);
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates) {
      if (eligible(candidate) && (best == nullptr || less_loaded(candidate, *best))) {
        best = &candidate;
      }
    }
    if (best == nullptr) return std::nullopt;
    for (; skip_ > 0; --skip_) round_among_equals(candidates, *best);
    return round_among_equals(candidates, *best);
  }

 private:
  size_t round_among_equals(std::span<const Candidate> candidates, const Candidate& best) {
    weights_.begin();
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (eligible(candidates[i]) && !less_loaded(best, candidates[i])) weights_.enter(i);
    }
    return weights_.winner();
  }

  size_t skip_;
  SmoothWeights weights_;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_least_connections(size_t start) {
  return std::make_unique<WeightedLeastConnections>(start);
}

}  // namespace hapair::lbcore::balance
