// lc: the server with the fewest open connections; weights do not count (except 0). Equals take
// turns: the search begins behind the last winner, else the first of many idle servers would get
// every short connection.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/eligible.h"

namespace hapair::lbcore::balance {

namespace {

class LeastConnections final : public Scheduler {
 public:
  explicit LeastConnections(size_t start) : next_(start) {}

  std::optional<size_t> pick(std::span<const Candidate> candidates, uint64_t) override {
    std::optional<size_t> best;
    for (size_t step = 0; step < candidates.size(); ++step) {
      const size_t index = (next_ + step) % candidates.size();
      if (!eligible(candidates[index])) continue;
      if (!best || candidates[index].active < candidates[*best].active) best = index;
    }
    if (best) next_ = (*best + 1) % candidates.size();
    return best;
  }

 private:
  size_t next_;
};

}  // namespace

std::unique_ptr<Scheduler> make_least_connections(size_t start) {
  return std::make_unique<LeastConnections>(start);
}

}  // namespace hapair::lbcore::balance
