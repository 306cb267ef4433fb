// rr: one after the other in file order. A server that cannot be used is skipped, not waited for:
// its turn goes to the next one, and the order of the others stays. O(1).

#include <algorithm>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

namespace {

class RoundRobin final : public Scheduler {
 public:
  explicit RoundRobin(size_t start) : next_(start) {}

  void update(std::span<const Candidate> candidates) override {
    assign(members_, candidates);
    if (!candidates.empty()) next_ %= candidates.size();
    // Whose turn it would be, or who comes first behind it.
    const auto turn = std::ranges::lower_bound(members_, next_, {}, &Member::index);
    place_ = turn == members_.end() ? 0 : static_cast<size_t>(turn - members_.begin());
  }

  std::optional<size_t> pick(const Query& query) override {
    for (size_t step = 0; step < members_.size(); ++step) {
      const size_t index = members_[place_].index;
      place_ = place_ + 1 == members_.size() ? 0 : place_ + 1;
      if (query.has_tried(index)) continue;
      next_ = index + 1;
      return index;
    }
    return std::nullopt;
  }

 private:
  size_t next_;       // index behind the last winner's
  size_t place_ = 0;  // of the next winner among the members
  std::vector<Member> members_;
};

}  // namespace

std::unique_ptr<Scheduler> make_round_robin(size_t start) {
  return std::make_unique<RoundRobin>(start);
}

}  // namespace hapair::lbcore::balance
