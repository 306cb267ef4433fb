// Random draws in proportion to the weights: the sums of the shares up to each member, and a binary
// search. The generator is SplitMix64 (Steele, Lea and Flood): eight bytes of state, and for
// sharing out connections as good as any. Deterministic for a seed. Used by random and p2c.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

class WeightedDraw {
 public:
  explicit WeightedDraw(uint64_t seed) : state_(seed * 0xd1342543de82ef95) {}

  void update(std::span<const Candidate> candidates) {
    assign(members_, candidates);
    below_.clear();
    total_ = 0;
    for (const Member& member : members_) {
      below_.push_back(total_);
      total_ += static_cast<uint64_t>(member.share);
    }
  }

  [[nodiscard]] const std::vector<Member>& members() const { return members_; }

  /// Place of a member. There must be one.
  size_t draw() { return place_of(below(total_)); }

  /// Place of another member than the one at `first`. There must be two.
  size_t draw_besides(size_t first) {
    const auto share = static_cast<uint64_t>(members_[first].share);
    const uint64_t at = below(total_ - share);
    // As if the first one's stretch were cut out.
    return place_of(at < below_[first] ? at : at + share);
  }

 private:
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  /// Sums of shares stay far below 2^53, so that the remainder favours nobody measurably.
  uint64_t below(uint64_t bound) { return next() % bound; }

  [[nodiscard]] size_t place_of(uint64_t at) const {
    return static_cast<size_t>(std::ranges::upper_bound(below_, at) - below_.begin()) - 1;
  }

  uint64_t state_;
  uint64_t total_ = 0;
  std::vector<Member> members_;
  std::vector<uint64_t> below_;  // by place: what all before it have together
};

}  // namespace hapair::lbcore::balance
