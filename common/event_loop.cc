#include "common/event_loop.h"

#include <ctime>
#include <stdexcept>
#include <utility>

#include <sys/timerfd.h>

#include "common/result.h"

namespace hapair {

namespace {

// libev's flags are an enum of mixed signedness: make the union in unsigned, or C++20 warns.
constexpr unsigned kLoopFlags =
    static_cast<unsigned>(EVBACKEND_EPOLL) | static_cast<unsigned>(EVFLAG_NOENV);

timespec to_timespec(TimePoint at) {
  auto since_boot = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch());
  // Zero would disarm the timer: a deadline in the far past becomes the first nanosecond.
  if (since_boot.count() <= 0) since_boot = std::chrono::nanoseconds(1);
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  return {.tv_sec = static_cast<time_t>(seconds.count()),
          .tv_nsec = static_cast<long>((since_boot - seconds).count())};
}

}  // namespace

EventLoop::EventLoop()
    : loop_(kLoopFlags), check_(loop_), prepare_(loop_), mail_(loop_), now_(Clock::now()) {
  if (loop_.raw_loop == nullptr) throw std::runtime_error("event loop: the kernel offers no epoll");
  check_.set<EventLoop, &EventLoop::on_check>(this);
  ev_set_priority(static_cast<ev_check*>(&check_),
                  EV_MAXPRI);  // before any callback asks for now()
  check_.start();
  prepare_.set<EventLoop, &EventLoop::on_prepare>(this);
  prepare_.start();
  mail_.set<EventLoop, &EventLoop::on_mail>(this);
  mail_.start();
}

void EventLoop::run() {
  loop_.run(0);
}
void EventLoop::run_once() {
  loop_.run(ev::ONCE);
}
void EventLoop::poll() {
  loop_.run(ev::NOWAIT);
}
void EventLoop::stop() {
  loop_.break_loop(ev::ALL);
}

TimePoint EventLoop::refresh_now() {
  ev_now_update(loop_);
  now_ = Clock::now();
  return now_;
}

void EventLoop::defer(Task task) {
  deferred_.push_back(std::move(task));
}

void EventLoop::post(Task task) {
  {
    const std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
  }
  mail_.send();
}

void EventLoop::on_check(ev::check&, int) {
  now_ = Clock::now();
}

void EventLoop::on_prepare(ev::prepare&, int) {
  // A deferred task may defer another one: run until nothing is left, the loop is about to sleep.
  while (!deferred_.empty()) {
    for (auto& task : std::exchange(deferred_, {})) task();
  }
}

void EventLoop::on_mail(ev::async&, int) {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task();
}

Deadline::Deadline(EventLoop& loop, Callback on_expire)
    : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      on_expire_(std::move(on_expire)),
      watcher_(loop.raw()) {
  if (!fd_) throw_system("create a timer");
  watcher_.set<Deadline, &Deadline::on_readable>(this);
  watcher_.start(fd_.get(), ev::READ);
}

void Deadline::arm(TimePoint at) {
  const itimerspec spec{.it_interval = {}, .it_value = to_timespec(at)};
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  at_ = at;
  armed_ = true;
}

void Deadline::disarm() {
  const itimerspec spec{};
  ::timerfd_settime(fd_.get(), 0, &spec, nullptr);
  armed_ = false;
}

void Deadline::on_readable(ev::io&, int) {
  uint64_t expirations = 0;
  // Re-armed since it became readable: the read says EAGAIN and this is not an expiry.
  if (::read(fd_.get(), &expirations, sizeof expirations) != sizeof expirations || !armed_) return;
  armed_ = false;
  on_expire_();
}

Ticker::Ticker(EventLoop& loop, Duration period, Callback on_tick)
    : on_tick_(std::move(on_tick)), watcher_(loop.raw()) {
  const double seconds = std::chrono::duration<double>(period).count();
  watcher_.set<Ticker, &Ticker::on_timeout>(this);
  watcher_.start(seconds, seconds);
}

void Ticker::on_timeout(ev::timer&, int) {
  on_tick_();
}

SignalWatcher::SignalWatcher(EventLoop& loop, int signal_number, Callback on_signal)
    : on_signal_(std::move(on_signal)), watcher_(loop.raw()) {
  watcher_.set<SignalWatcher, &SignalWatcher::on_signal>(this);
  watcher_.start(signal_number);
}

void SignalWatcher::on_signal(ev::sig&, int) {
  on_signal_();
}

}  // namespace hapair
