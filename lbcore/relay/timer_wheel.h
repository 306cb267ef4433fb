// Coarse deadlines for thousands of connections: arming and disarming cost a few instructions and
// no system call. Pure: time is an argument. A worker has one wheel and a single timerfd that
// is set to `next_due`.
//
// Slots are 10 ms wide and hold intrusive lists. A deadline beyond one turn of the wheel stays in
// its slot and is looked at once per turn. Deadlines fire late by up to one slot, never early.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace hapair::lbcore::relay {

struct WheelLink {
  WheelLink* next = nullptr;
  WheelLink* previous = nullptr;
};

/// What is put on a wheel derives from this; it must be disarmed before it is destroyed.
class WheelNode : private WheelLink {
 public:
  WheelNode() = default;
  virtual ~WheelNode() = default;
  WheelNode(const WheelNode&) = delete;
  WheelNode& operator=(const WheelNode&) = delete;

  /// Its time has come; it is disarmed already and may arm or disarm any node.
  virtual void on_due() = 0;
  [[nodiscard]] bool armed() const { return next != nullptr; }

 private:
  friend class TimerWheel;
  int64_t due_ = 0;  // in ticks
};

class TimerWheel {
 public:
  static constexpr Duration kTick = 10ms;

  explicit TimerWheel(TimePoint now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// The same time or a later one that many deadlines share, for those that lie beyond a turn of
  /// the wheel and may be late by kCoarse: each turn visits few slots then.
  static TimePoint coarse(TimePoint now, TimePoint at);
  static constexpr Duration kCoarse = 128 * kTick;

  /// Re-arms when armed already.
  void arm(WheelNode& node, TimePoint at);
  void disarm(WheelNode& node);

  /// Calls on_due() of every node whose time has come.
  void advance(TimePoint now);

  /// When `advance` should be called next; nothing while no node is armed.
  [[nodiscard]] std::optional<TimePoint> next_due() const;

 private:
  static constexpr size_t kSlots = 1024;  // a turn takes ten seconds
  static constexpr size_t kWordBits = 64;

  static int64_t floor_ticks(TimePoint at) { return at.time_since_epoch() / kTick; }
  static size_t slot(int64_t tick) { return static_cast<size_t>(tick) % kSlots; }
  static void link(WheelLink& head, WheelLink& node);
  static void unlink(WheelLink& node);
  void take_due(size_t slot, int64_t until, WheelLink& due);
  [[nodiscard]] bool occupied(size_t slot) const {
    return (occupied_[slot / kWordBits] >> (slot % kWordBits) & 1) != 0;
  }

  int64_t current_;                      // the last tick that was handled
  std::array<WheelLink, kSlots> slots_;  // list heads
  /// A set bit means: perhaps a node. Cleared when the slot is visited and found empty.
  std::array<uint64_t, kSlots / kWordBits> occupied_{};
};

}  // namespace hapair::lbcore::relay
