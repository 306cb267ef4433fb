// wlc: the server with the fewest open connections per unit of weight; equals share by weight
// (least.h). O(n).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/least.h"

namespace hapair::lbcore::balance {

namespace {

class WeightedLeastConnections final : public Scheduler {
 public:
  explicit WeightedLeastConnections(size_t start) : least_(start) {}

  void update(std::span<const Candidate> candidates) override { least_.update(candidates); }

  std::optional<size_t> pick(const Query& query) override {
    return least_.pick(query,
                       [](size_t, const Member& member) { return member.active() / member.share; });
  }

 private:
  Least least_;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_least_connections(size_t start) {
  return std::make_unique<WeightedLeastConnections>(start);
}

}  // namespace hapair::lbcore::balance
