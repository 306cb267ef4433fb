// wrr: smooth weighted round robin over the usable servers (smooth_weights.h). O(n).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/smooth_weights.h"

namespace hapair::lbcore::balance {

namespace {

class WeightedRoundRobin final : public Scheduler {
 public:
  explicit WeightedRoundRobin(size_t start) : weights_(start) {}

  void update(std::span<const Candidate> candidates) override {
    assign(members_, candidates);
    weights_.update(candidates);
  }

  std::optional<size_t> pick(const Query& query) override {
    if (query.tried.empty()) {
      return weights_.turn(members_, [](size_t) { return true; });
    }
    return weights_.turn(members_,
                         [&](size_t place) { return !query.has_tried(members_[place].index); });
  }

 private:
  std::vector<Member> members_;
  SmoothWeights weights_;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_round_robin(size_t start) {
  return std::make_unique<WeightedRoundRobin>(start);
}

}  // namespace hapair::lbcore::balance
