// nq: a server that is idle, whatever its weight, so that no client waits behind another one while
// somebody has nothing to do; when all are busy, as sed. Idle ones share by weight. O(n).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/least.h"

namespace hapair::lbcore::balance {

namespace {

class NeverQueue final : public Scheduler {
 public:
  explicit NeverQueue(size_t start) : least_(start) {}

  void update(std::span<const Candidate> candidates) override { least_.update(candidates); }

  std::optional<size_t> pick(const Query& query) override {
    return least_.pick(query, [](size_t, const Member& member) {
      const double active = member.active();
      return active == 0 ? 0 : (active + 1) / member.share;
    });
  }

 private:
  Least least_;
};

}  // namespace

std::unique_ptr<Scheduler> make_never_queue(size_t start) {
  return std::make_unique<NeverQueue>(start);
}

}  // namespace hapair::lbcore::balance
