// rr: one after the other in file order. A server that cannot be used is skipped, not waited for:
// its turn goes to the next one, and the order of the others stays.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/eligible.h"

namespace hapair::lbcore::balance {

namespace {

class RoundRobin final : public Scheduler {
 public:
  explicit RoundRobin(size_t start) : next_(start) {}

  std::optional<size_t> pick(std::span<const Candidate> candidates, uint64_t) override {
    for (size_t step = 0; step < candidates.size(); ++step) {
      const size_t index = (next_ + step) % candidates.size();
      if (!eligible(candidates[index])) continue;
      next_ = (index + 1) % candidates.size();
      return index;
    }
    return std::nullopt;
  }

 private:
  size_t next_;
};

}  // namespace

std::unique_ptr<Scheduler> make_round_robin(size_t start) {
  return std::make_unique<RoundRobin>(start);
}

}  // namespace hapair::lbcore::balance
