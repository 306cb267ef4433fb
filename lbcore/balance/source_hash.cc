// sh: the same client prefix always goes to the same server, on both nodes and after every restart,
// with no memory at all: weighted rendezvous hashing (Schindelhauer and Schomaker). Every server
// draws a number from hash(client, server), scaled by its weight; the highest wins. What follows,
// and is measured in the tests:
//   - each server's share of the clients is its share of the weights
//   - when a server leaves, only its own clients move, and they spread over the others by weight
//   - when it comes back, exactly those return
// The order of the list does not matter. Servers are told apart by their token (address), never by
// their index. O(n); mh does nearly the same in O(1), with a table.

#include <cmath>

#include <xxhash.h>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

namespace {

class SourceHash final : public Scheduler {
 public:
  void update(std::span<const Candidate> candidates) override {
    assign(members_, candidates);
    tokens_.clear();
    for (const Member& member : members_) tokens_.push_back(candidates[member.index].token);
  }

  /// The score is share / -ln(u), with u drawn uniformly from (0, 1) by the hash: the winner of the
  /// highest one is chosen with probability share / sum(shares).
  std::optional<size_t> pick(const Query& query) override {
    const Member* best = nullptr;
    double highest = 0;
    for (size_t place = 0; place < members_.size(); ++place) {
      const Member& member = members_[place];
      const uint64_t draw =
          XXH3_64bits_withSeed(&tokens_[place], sizeof tokens_[place], query.source_hash);
      const double u = (static_cast<double>(draw >> 12) + 0.5) * 0x1p-52;  // exact, never 0 or 1
      // -ln(u) >= 1 - u: most cannot win, and need no logarithm.
      if (member.share <= highest * (1 - u)) continue;
      const double own = member.share / -std::log(u);
      if (own <= highest || query.has_tried(member.index)) continue;
      best = &member;
      highest = own;
    }
    if (best == nullptr) return std::nullopt;
    return best->index;
  }

 private:
  std::vector<Member> members_;
  std::vector<uint64_t> tokens_;  // by place
};

}  // namespace

std::unique_ptr<Scheduler> make_source_hash() {
  return std::make_unique<SourceHash>();
}

}  // namespace hapair::lbcore::balance
