// The frame of the schedulers that pick the server of the least cost: wlc, sed, nq, lrt and lbw.
// Equals share by smooth weighted rotation: with short connections most servers are idle most of
// the time, and a plain rotation among them would ignore the weights.
//
// Costs are quotients of whole numbers below 2^53: equal ratios give equal doubles.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "lbcore/balance/members.h"
#include "lbcore/balance/smooth_weights.h"

namespace hapair::lbcore::balance {

class Least {
 public:
  explicit Least(size_t start) : weights_(start) {}

  void update(std::span<const Candidate> candidates) {
    assign(members_, candidates);
    costs_.resize(members_.size());
    weights_.update(candidates);
  }

  [[nodiscard]] std::span<const Member> members() const { return members_; }

  /// The winner among those of the least `cost(place, member)`.
  template <typename Cost>
  std::optional<size_t> pick(const Query& query, Cost cost) {
    constexpr double kNever = std::numeric_limits<double>::infinity();
    double least = kNever;
    for (size_t place = 0; place < members_.size(); ++place) {
      const bool out = !query.tried.empty() && query.has_tried(members_[place].index);
      costs_[place] = out ? kNever : cost(place, members_[place]);
      if (costs_[place] < least) least = costs_[place];
    }
    if (least == kNever) return std::nullopt;
    return weights_.turn(members_, [&](size_t place) { return costs_[place] == least; });
  }

 private:
  std::vector<Member> members_;
  std::vector<double> costs_;  // scratch, by place
  SmoothWeights weights_;
};

}  // namespace hapair::lbcore::balance
