// How a node numbers what it authenticates, and how the other one tells new from recorded.
//
// A life has an epoch, greater than any earlier one of the node, and numbers its messages within
// it. It begins with the wall clock; should that have been set back, the peer's echo of the highest
// epoch that it has seen of us tells, and we step above it. The last sequence of an epoch is kept
// for the one message that is prepared in advance: the resign of a dead speaker, sent by its
// guardian. Pure.
#pragma once

#include <cstdint>
#include <limits>

namespace hapair::vrrp {

struct Stamp {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  // clang-tidy 14 takes the comparison's result for a null pointer.
  friend auto operator<=>(const Stamp&, const Stamp&) = default;  // NOLINT(modernize-use-nullptr)
};

/// Of the message that a dead speaker left behind: whatever else its epoch said is older.
inline constexpr uint64_t kLastSequence = std::numeric_limits<uint64_t>::max();

class Life {
 public:
  /// `start`: microseconds of the wall clock, 0 is none.
  explicit Life(uint64_t start) : epoch_(start == 0 ? 1 : start) {}

  [[nodiscard]] uint64_t epoch() const { return epoch_; }
  Stamp next() { return {.epoch = epoch_, .sequence = ++last_}; }
  [[nodiscard]] Stamp last_will() const { return {.epoch = epoch_, .sequence = kLastSequence}; }

  /// The peer has seen `epoch` of ours. Whether a new one began, above it.
  bool step_above(uint64_t epoch) {
    if (epoch <= epoch_ || epoch == std::numeric_limits<uint64_t>::max()) return false;
    epoch_ = epoch + 1;
    last_ = 0;
    return true;
  }

 private:
  uint64_t epoch_;
  uint64_t last_ = 0;
};

/// What was heard of one sender on one path. Only what is strictly newer than everything before is
/// taken: both paths keep the order, and a straggler is worth nothing.
class ReplayWindow {
 public:
  [[nodiscard]] const Stamp& newest() const { return newest_; }
  /// Whether `stamp` is news, which it is only once. A last will may be read again: it says nothing
  /// new.
  [[nodiscard]] bool admits(const Stamp& stamp) const {
    return stamp > newest_ || (stamp == newest_ && stamp.sequence == kLastSequence);
  }
  void take(const Stamp& stamp) { newest_ = stamp; }

 private:
  Stamp newest_;
};

}  // namespace hapair::vrrp
