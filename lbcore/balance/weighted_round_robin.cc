// wrr: smooth weighted round robin over the usable servers (smooth_weights.h). A server that is
// down keeps its place: when it comes back it gets its share from then on and no more, it is not
// flooded with what it missed.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/eligible.h"
#include "lbcore/balance/smooth_weights.h"

namespace hapair::lbcore::balance {

namespace {

class WeightedRoundRobin final : public Scheduler {
 public:
  explicit WeightedRoundRobin(size_t start) : skip_(start) {}

  std::optional<size_t> pick(std::span<const Candidate> candidates, uint64_t) override {
    weights_.follow(candidates);
    // A staggered instance behaves as if it had picked `start` times already.
    for (; skip_ > 0; --skip_) round(candidates);
    return round(candidates);
  }

 private:
  std::optional<size_t> round(std::span<const Candidate> candidates) {
    bool any = false;
    weights_.begin();
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!eligible(candidates[i])) continue;
      weights_.enter(i);
      any = true;
    }
    if (!any) return std::nullopt;
    return weights_.winner();
  }

  size_t skip_;
  SmoothWeights weights_;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_round_robin(size_t start) {
  return std::make_unique<WeightedRoundRobin>(start);
}

}  // namespace hapair::lbcore::balance
