// ovf: the server of the highest weight until it has as many open connections as its
// max_connections, or, as in IPVS, as its weight says where no limit is set; then the next one.
// Nobody when all have. O(n), and O(1) while the first has room.

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/by_weight.h"

namespace hapair::lbcore::balance {

namespace {

class Overflow final : public Scheduler {
 public:
  void update(std::span<const Candidate> candidates) override {
    order_by_weight(members_, candidates);
    most_.clear();
    for (const Member& member : members_) {
      const Candidate& candidate = candidates[member.index];
      most_.push_back(candidate.limit != 0 ? candidate.limit : candidate.weight);
    }
  }

  std::optional<size_t> pick(const Query& query) override {
    for (size_t place = 0; place < members_.size(); ++place) {
      const Member& member = members_[place];
      if (member.connections->load(std::memory_order_relaxed) >= most_[place]) continue;
      if (!query.has_tried(member.index)) return member.index;
    }
    return std::nullopt;
  }

 private:
  std::vector<Member> members_;  // highest weight first
  std::vector<uint32_t> most_;   // by place
};

}  // namespace

std::unique_ptr<Scheduler> make_overflow() {
  return std::make_unique<Overflow>();
}

}  // namespace hapair::lbcore::balance
