// The order in which a router's addresses go into the kernel: some at each turn of the loop, so
// that hundreds of them do not keep its advertisements waiting. Pure; `instance` executes it.
//
// A pass adds every address once: at a takeover, at each renewal of the leases, after a loss. What
// somebody removed goes first. A pass that begins before the last one ended takes its place; what
// was to be announced stays so.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"

namespace hapair::vrrp {

class InstallPlan {
 public:
  /// Addresses of one turn: about a millisecond's work with their announcements, a tenth of the
  /// shortest interval.
  static constexpr size_t kPerTurn = 32;

  /// A new pass over `all`.
  void begin(std::span<const Prefix> all);
  /// `ip` was lost: first in the next pass.
  void hurry(const IpAddress& ip) { lost_.insert(ip); }
  [[nodiscard]] bool any_lost() const { return !lost_.empty(); }
  /// "10.0.0.100 was", "10.0.0.100 and 3 more were": for people. Only if any_lost().
  [[nodiscard]] std::string lost() const;
  /// What this pass adds shall be announced as well.
  void announce() { announce_ = true; }
  /// The addresses of the next turn; the view lasts until the next call of anything.
  std::span<const Prefix> next();
  void cancel();

  [[nodiscard]] bool done() const { return given_ == order_.size(); }
  [[nodiscard]] bool announcing() const { return announce_; }
  /// What the pass has handed out so far.
  [[nodiscard]] std::span<const Prefix> given() const { return std::span(order_).first(given_); }
  /// Call when the last turn was done: nothing is owed any more.
  void finish() { announce_ = false; }

 private:
  std::vector<Prefix> order_;
  size_t given_ = 0;
  std::set<IpAddress> lost_;
  bool announce_ = false;
};

}  // namespace hapair::vrrp
