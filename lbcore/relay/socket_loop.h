// The event loop of one worker, on epoll alone; everything else in hapair runs on libev
// (common/event_loop.h). A turn of a worker often serves a single socket, so what a turn costs
// beside that is what forwarding costs. Here it is one epoll_wait and one look at the clock:
//
//   - sockets may be watched by edges: one epoll_ctl for their whole life, nothing is reported
//     twice, and nothing is looked at again by the kernel because it was reported once
//   - epoll_wait has no timeout, so the kernel starts no timer for each sleep; there is one timerfd
//   - closing a descriptor is enough to end its watch
//
// Measured beside libev in tests/bench/relay/README.md. An event names a descriptor and the number
// of its watch: one that was fetched before its watch ended, or whose socket another process still
// has open (a child before its exec), finds nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <sys/epoll.h>

#include "common/clock.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::relay {

class SocketLoop {
 public:
  using Task = std::function<void()>;

  /// Calls a method when its descriptor is ready. Must not outlive the loop.
  class Watch {
   public:
    // What to wait for, and what has come.
    static constexpr uint32_t kRead = EPOLLIN;
    static constexpr uint32_t kWrite = EPOLLOUT;
    /// Edges of a stream: reported once each; read until a read is short. kMore: however short a
    /// read is, there may be more behind it (an end, an error, urgent bytes).
    static constexpr uint32_t kStream = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;
    static constexpr uint32_t kMore = EPOLLRDHUP | EPOLLPRI | EPOLLERR | EPOLLHUP;
    static constexpr uint32_t kError = EPOLLERR;

    explicit Watch(SocketLoop& loop) : loop_(loop) {}
    ~Watch() { stop(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// The method takes the events that have come. Errors and hang-ups count as both kRead and
    /// kWrite.
    template <auto kMethod, typename T>
    void set(T* object) {
      object_ = object;
      call_ = [](void* target, uint32_t events) { (static_cast<T*>(target)->*kMethod)(events); };
    }
    /// For these events from now on.
    void start(int fd, uint32_t events);
    /// Reports again what was reported already and is still so.
    void repeat() { start(fd_, events_); }
    /// The descriptor stays open.
    void stop();
    /// The descriptor is about to be closed: no system call.
    void forget();
    /// 0: none.
    [[nodiscard]] uint32_t events() const { return events_; }

   private:
    friend class SocketLoop;
    SocketLoop& loop_;
    void* object_ = nullptr;
    void (*call_)(void*, uint32_t) = nullptr;
    int fd_ = -1;
    uint32_t events_ = 0;
  };

  SocketLoop();  // throws std::system_error
  SocketLoop(const SocketLoop&) = delete;
  SocketLoop& operator=(const SocketLoop&) = delete;

  /// Until stop(), which is called from inside. Runs each deferred task before it returns.
  void run();
  void stop() { stopped_ = true; }

  /// Monotonic time at which the current batch of events was fetched.
  [[nodiscard]] TimePoint now() const { return now_; }
  /// The clock itself, for what is measured in microseconds; now() stays. About 40 ns, no system
  /// call.
  [[nodiscard]] static TimePoint precise_now() { return Clock::now(); }

  /// What happens at the end of each turn, and when wake_at()'s time has come. Before run().
  void set_turn_end(Task task) { on_turn_end_ = std::move(task); }
  void set_timer(Task task) { on_timer_ = std::move(task); }
  /// One time: the last call counts; one in the past comes at once.
  void wake_at(TimePoint at);

  /// Runs `task` at the end of this turn, before the turn's own end: the place to destroy what is
  /// still on the stack.
  void defer(Task task) { deferred_.push_back(std::move(task)); }
  /// Thread-safe: runs `task` on this loop's thread soon, outside of any watch's call. Tasks run in
  /// the order they were posted.
  void post(Task task);

 private:
  struct Slot {
    Watch* watch = nullptr;
    uint32_t number = 0;  // of its watch
  };

  void dispatch(const epoll_event& event);
  void control(int operation, int fd, uint32_t events);
  void on_mail(uint32_t events) { mail_came_ = events != 0; }
  void on_timer(uint32_t events);
  void read_mail();
  void end_turn();

  UniqueFd epoll_;
  UniqueFd mail_fd_;
  UniqueFd timer_fd_;
  std::vector<Slot> slots_;  // by descriptor
  Watch mail_{*this};
  Watch timer_{*this};
  TimePoint now_;
  Task on_turn_end_;
  Task on_timer_;
  std::vector<Task> deferred_;
  std::vector<Task> running_;
  std::mutex mailbox_mutex_;
  std::vector<Task> mailbox_;
  bool mail_came_ = false;
  bool stopped_ = false;
};

}  // namespace hapair::lbcore::relay
