// sed: the server that would have the fewest open connections per unit of weight with this one
// added. Other than wlc it prefers the strong one of two idle servers until that one is as loaded
// as the weak one would be. O(n).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/least.h"

namespace hapair::lbcore::balance {

namespace {

class ShortestExpectedDelay final : public Scheduler {
 public:
  explicit ShortestExpectedDelay(size_t start) : least_(start) {}

  void update(std::span<const Candidate> candidates) override { least_.update(candidates); }

  std::optional<size_t> pick(const Query& query) override {
    return least_.pick(
        query, [](size_t, const Member& member) { return (member.active() + 1) / member.share; });
  }

 private:
  Least least_;
};

}  // namespace

std::unique_ptr<Scheduler> make_shortest_expected_delay(size_t start) {
  return std::make_unique<ShortestExpectedDelay>(start);
}

}  // namespace hapair::lbcore::balance
