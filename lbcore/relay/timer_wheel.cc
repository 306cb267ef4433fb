#include "lbcore/relay/timer_wheel.h"

#include <algorithm>

namespace hapair::lbcore::relay {

TimerWheel::TimerWheel(TimePoint now) : current_(floor_ticks(now)) {
  for (WheelLink& head : slots_) head.next = head.previous = &head;
}

void TimerWheel::arm(WheelNode& node, TimePoint at) {
  if (node.armed()) unlink(node);
  // Rounded up: never early. A time in the past is due at the next tick.
  node.due_ = std::max(floor_ticks(at) + 1, current_ + 1);
  const size_t index = slot(node.due_);
  link(slots_[index], node);
  occupied_[index / kWordBits] |= uint64_t{1} << (index % kWordBits);
}

TimePoint TimerWheel::coarse(TimePoint now, TimePoint at) {
  constexpr Duration kTurn = static_cast<int64_t>(kSlots) * kTick;
  if (at - now < kTurn) return at;
  const int64_t steps = at.time_since_epoch() / kCoarse;
  return TimePoint((steps + 1) * kCoarse);
}

void TimerWheel::disarm(WheelNode& node) {
  if (node.armed()) unlink(node);
}

std::optional<TimePoint> TimerWheel::next_due() const {
  for (size_t ahead = 1; ahead <= kSlots;) {
    const size_t index = slot(current_ + static_cast<int64_t>(ahead));
    const uint64_t rest = occupied_[index / kWordBits] >> (index % kWordBits);
    if (rest != 0) {
      const int64_t tick = current_ + static_cast<int64_t>(ahead) + std::countr_zero(rest);
      return TimePoint(tick * kTick);
    }
    ahead += kWordBits - index % kWordBits;
  }
  return std::nullopt;
}

void TimerWheel::advance(TimePoint now) {
  const int64_t until = floor_ticks(now);
  // After a long sleep one turn visits every slot.
  current_ = std::max(current_, until - static_cast<int64_t>(kSlots));
  while (current_ < until) {
    ++current_;
    WheelLink due;
    take_due(slot(current_), until, due);
    while (due.next != &due) {
      auto& node = static_cast<WheelNode&>(*due.next);
      unlink(node);
      node.on_due();
    }
  }
}

void TimerWheel::link(WheelLink& head, WheelLink& node) {
  node.previous = head.previous;
  node.next = &head;
  head.previous->next = &node;
  head.previous = &node;
}

void TimerWheel::unlink(WheelLink& node) {
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.next = node.previous = nullptr;
}

void TimerWheel::take_due(size_t index, int64_t until, WheelLink& due) {
  due.next = due.previous = &due;
  if (!occupied(index)) return;
  WheelLink& head = slots_[index];
  for (WheelLink* link_now = head.next; link_now != &head;) {
    WheelLink* following = link_now->next;
    if (static_cast<WheelNode*>(link_now)->due_ <= until) {
      unlink(*link_now);
      link(due, *link_now);
    }
    link_now = following;
  }
  if (head.next == &head) occupied_[index / kWordBits] &= ~(uint64_t{1} << (index % kWordBits));
}

}  // namespace hapair::lbcore::relay
