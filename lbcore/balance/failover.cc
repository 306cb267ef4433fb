// fo: everything goes to the server of the highest weight that is up (and not full); the next one
// serves only when it is not. O(1).

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/by_weight.h"

namespace hapair::lbcore::balance {

namespace {

class Failover final : public Scheduler {
 public:
  void update(std::span<const Candidate> candidates) override {
    order_by_weight(members_, candidates);
  }

  std::optional<size_t> pick(const Query& query) override {
    for (const Member& member : members_) {
      if (!query.has_tried(member.index)) return member.index;
    }
    return std::nullopt;
  }

 private:
  std::vector<Member> members_;  // highest weight first
};

}  // namespace

std::unique_ptr<Scheduler> make_failover() {
  return std::make_unique<Failover>();
}

}  // namespace hapair::lbcore::balance
