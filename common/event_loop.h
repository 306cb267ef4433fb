// One libev loop and what libev lacks for us: a monotonic now, deadlines finer than libev's 1 ms
// floor (timerfd), a deferred queue for deletions, and a mailbox for other threads. Watchers
// themselves are ev++.h's own (ev::io, ev::timer, ev::sig): constructed with `loop.raw()`, they
// stop in their destructors.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include <ev++.h>

#include "common/clock.h"
#include "common/unique_fd.h"

namespace hapair {

class EventLoop {
 public:
  using Task = std::function<void()>;

  EventLoop();  // epoll, ignoring LIBEV_FLAGS; throws std::runtime_error when epoll is missing
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void run();       // until stop()
  void run_once();  // waits for one batch of events and handles it
  void poll();      // handles what is ready, never waits
  void stop();      // from a callback; ends run() after the current batch

  /// Monotonic time at which the current batch of events was fetched.
  [[nodiscard]] TimePoint now() const { return now_; }
  /// The clock itself, for what is measured in microseconds; now() stays. About 40 ns, no system
  /// call.
  [[nodiscard]] static TimePoint precise_now() { return Clock::now(); }
  /// Reads the clock now; for code that has worked for long inside one callback.
  TimePoint refresh_now();

  /// Runs `task` after the current batch: the place to destroy what is still on the stack of a
  /// callback.
  void defer(Task task);

  /// Thread-safe: runs `task` on this loop's thread soon. Tasks run in the order they were posted.
  void post(Task task);

  [[nodiscard]] ev::loop_ref raw() { return loop_; }

 private:
  void on_check(ev::check& watcher, int events);
  void on_prepare(ev::prepare& watcher, int events);
  void on_mail(ev::async& watcher, int events);

  ev::dynamic_loop loop_;
  ev::check check_;
  ev::prepare prepare_;
  ev::async mail_;
  TimePoint now_;
  std::vector<Task> deferred_;
  std::mutex mailbox_mutex_;
  std::vector<Task> mailbox_;
};

/// A one-shot deadline on CLOCK_MONOTONIC through timerfd: fires within microseconds of its time.
class Deadline {
 public:
  using Callback = std::function<void()>;

  Deadline(EventLoop& loop,
           Callback on_expire);  // throws std::system_error when timerfd_create fails
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void arm(TimePoint at);  // a time in the past fires at once
  void disarm();
  [[nodiscard]] bool armed() const { return armed_; }
  [[nodiscard]] TimePoint at() const { return at_; }

 private:
  void on_readable(ev::io& watcher, int events);

  UniqueFd fd_;
  Callback on_expire_;
  bool armed_ = false;
  TimePoint at_;
  ev::io watcher_;
};

/// Calls back every `period` (coarse: libev's own timers, 1 ms floor). Runs from construction to
/// destruction.
class Ticker {
 public:
  using Callback = std::function<void()>;

  Ticker(EventLoop& loop, Duration period, Callback on_tick);

 private:
  void on_timeout(ev::timer& watcher, int events);

  Callback on_tick_;
  ev::timer watcher_;
};

/// Calls back for one POSIX signal. Only one loop of a process may watch a given signal (libev's
/// rule).
class SignalWatcher {
 public:
  using Callback = std::function<void()>;

  SignalWatcher(EventLoop& loop, int signal_number, Callback on_signal);

 private:
  void on_signal(ev::sig& watcher, int events);

  Callback on_signal_;
  ev::sig watcher_;
};

}  // namespace hapair
