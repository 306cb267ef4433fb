// random: every connection draws a server by weight, independently of all others. Nothing is kept
// between picks, so that many load balancers in front of the same servers do not march in step.
// O(log n).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/untried.h"
#include "lbcore/balance/weighted_draw.h"

namespace hapair::lbcore::balance {

namespace {

class WeightedRandom final : public Scheduler {
 public:
  explicit WeightedRandom(size_t start) : draw_(start) {}

  void update(std::span<const Candidate> candidates) override { draw_.update(candidates); }

  std::optional<size_t> pick(const Query& query) override {
    const auto& members = draw_.members();
    if (members.empty()) return std::nullopt;
    const size_t first = draw_.draw();
    return untried(members, first, query);
  }

 private:
  WeightedDraw draw_;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_random(size_t start) {
  return std::make_unique<WeightedRandom>(start);
}

}  // namespace hapair::lbcore::balance
