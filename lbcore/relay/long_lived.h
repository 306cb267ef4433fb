// Says which of a worker's connections are open, for the other node (lbcore/orphans): those that
// live long enough to be worth a word. Most connections end before that and pay two comparisons of
// a pointer: no timer of their own, no system call, no memory.
//
// The worker's list of connections is in the order of their acceptance, so those that nobody has
// heard of yet are one stretch of it, which ends at `next_`. One deadline serves them all, at most
// ten times per second, and not at all while nothing changes. On one worker's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/clock.h"
#include "lbcore/orphans/ends.h"
#include "lbcore/relay/timer_wheel.h"

namespace hapair::lbcore::relay {

class Connection;
class Worker;

class LongLived final : public WheelNode {
 public:
  /// Called on the worker's thread. Empty: nobody wants to know.
  using Tell = std::function<void(std::vector<orphans::Change> changes)>;

  LongLived(Worker& worker, Tell tell) : worker_(worker), tell_(std::move(tell)) {}

  void accepted(Connection& connection) {
    if (next_ == nullptr && tell_) begin(connection);
  }
  /// It leaves the worker's list.
  void leaves(const Connection& connection) {
    if (next_ == &connection) step();
  }
  /// What was or is yet to be told is open, or over. Goes out soon.
  void changed(const orphans::Ends& ends, bool open);
  /// It goes out now.
  void flush();
  void on_due() override;

 private:
  void begin(Connection& connection);
  void step();
  void arm_soon();

  Worker& worker_;
  Tell tell_;
  Connection* next_ = nullptr;  // the oldest that was not looked at
  std::vector<orphans::Change> changes_;
};

}  // namespace hapair::lbcore::relay
