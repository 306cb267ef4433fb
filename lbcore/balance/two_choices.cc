// p2c, the power of two choices (Mitzenmacher): two different servers are drawn by weight, and the
// one with fewer open connections per unit of weight gets the client. Nearly as even as wlc, at
// O(log n): only two loads are read. And no herd: an idle server that comes back is one of the two
// only as often as its weight says.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/untried.h"
#include "lbcore/balance/weighted_draw.h"

namespace hapair::lbcore::balance {

namespace {

double load(const Member& member) {
  return member.active() / member.share;
}

class TwoChoices final : public Scheduler {
 public:
  explicit TwoChoices(size_t start) : draw_(start) {}

  void update(std::span<const Candidate> candidates) override { draw_.update(candidates); }

  std::optional<size_t> pick(const Query& query) override {
    const auto& members = draw_.members();
    if (members.empty()) return std::nullopt;
    const size_t first = draw_.draw();
    if (members.size() == 1) return untried(members, first, query);
    const size_t second = draw_.draw_besides(first);
    const size_t better = load(members[second]) < load(members[first]) ? second : first;
    if (!query.has_tried(members[better].index)) return members[better].index;
    return untried(members, better == first ? second : first, query);
  }

 private:
  WeightedDraw draw_;
};

}  // namespace

std::unique_ptr<Scheduler> make_two_choices(size_t start) {
  return std::make_unique<TwoChoices>(start);
}

}  // namespace hapair::lbcore::balance
