// Which commands run and which wait, first come, first served: never more than `most` at once,
// however many servers are checked. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

namespace hapair::lbcore::health {

class CommandSlots {
 public:
  explicit CommandSlots(size_t most) : most_(most) {}

  /// True: it runs at once; else it waits.
  bool enter(uint32_t id) {
    if (running_.size() < most_) return running_.insert(id).second;
    waiting_.push_back(id);
    return false;
  }
  /// It has ended, or waits no longer. Who runs in its place, if anybody does.
  std::optional<uint32_t> leave(uint32_t id) {
    if (running_.erase(id) == 0) {
      std::erase(waiting_, id);
      return std::nullopt;
    }
    if (waiting_.empty()) return std::nullopt;
    const uint32_t next = waiting_.front();
    waiting_.pop_front();
    running_.insert(next);
    return next;
  }
  void clear() {
    running_.clear();
    waiting_.clear();
  }
  [[nodiscard]] bool runs(uint32_t id) const { return running_.contains(id); }
  [[nodiscard]] size_t running() const { return running_.size(); }

 private:
  size_t most_;
  std::set<uint32_t> running_;
  std::deque<uint32_t> waiting_;
};

}  // namespace hapair::lbcore::health
