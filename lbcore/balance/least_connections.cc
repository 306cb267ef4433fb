// lc: the server with the fewest open connections; weights do not count (except 0). Equals take
// turns: the search begins behind the last winner, else the first of many idle servers would get
// every short connection. O(n), and done as soon as it finds an idle one.

#include <algorithm>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

namespace {

class LeastConnections final : public Scheduler {
 public:
  explicit LeastConnections(size_t start) : next_(start) {}

  void update(std::span<const Candidate> candidates) override {
    assign(members_, candidates);
    if (!candidates.empty()) next_ %= candidates.size();
    const auto turn = std::ranges::lower_bound(members_, next_, {}, &Member::index);
    place_ = turn == members_.end() ? 0 : static_cast<size_t>(turn - members_.begin());
  }

  std::optional<size_t> pick(const Query& query) override {
    const Member* best = nullptr;
    uint32_t fewest = 0;
    size_t place = place_;
    for (size_t step = 0; step < members_.size(); ++step) {
      const Member& member = members_[place];
      if (++place == members_.size()) place = 0;
      const uint32_t active = member.connections->load(std::memory_order_relaxed);
      if (best != nullptr && active >= fewest) continue;
      if (query.has_tried(member.index)) continue;
      best = &member;
      fewest = active;
      place_ = place;
      if (active == 0) break;
    }
    if (best == nullptr) return std::nullopt;
    next_ = best->index + 1;
    return best->index;
  }

 private:
  size_t next_;       // index behind the last winner's
  size_t place_ = 0;  // where the next search begins among the members
  std::vector<Member> members_;
};

}  // namespace

std::unique_ptr<Scheduler> make_least_connections(size_t start) {
  return std::make_unique<LeastConnections>(start);
}

}  // namespace hapair::lbcore::balance
