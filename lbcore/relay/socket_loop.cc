#include "lbcore/relay/socket_loop.h"

#include <algorithm>
#include <array>
#include <utility>

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/result.h"
#include "lbcore/relay/system_calls.h"

namespace hapair::lbcore::relay {

namespace {

constexpr int kBatch = 256;

UniqueFd made(int fd, const char* what) {
  if (fd < 0) throw_system(what);
  return UniqueFd(fd);
}

}  // namespace

// ---- Watch

void SocketLoop::Watch::start(int fd, uint32_t events) {
  if (fd_ == fd) {
    events_ = events;
    return loop_.control(EPOLL_CTL_MOD, fd, events);
  }
  stop();
  auto& slots = loop_.slots_;
  const auto at = static_cast<size_t>(fd);
  if (at >= slots.size()) slots.resize(std::max(at + 1, slots.size() + slots.size() / 2));
  slots[at].watch = this;
  ++slots[at].number;
  fd_ = fd;
  events_ = events;
  loop_.control(EPOLL_CTL_ADD, fd, events);
}

void SocketLoop::Watch::stop() {
  if (fd_ < 0) return;
  loop_.control(EPOLL_CTL_DEL, fd_, 0);
  forget();
}

void SocketLoop::Watch::forget() {
  if (fd_ < 0) return;
  loop_.slots_[static_cast<size_t>(fd_)].watch = nullptr;
  fd_ = -1;
  events_ = 0;
}

// ---- The loop

SocketLoop::SocketLoop()
    : epoll_(made(::epoll_create1(EPOLL_CLOEXEC), "create an epoll")),
      mail_fd_(made(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "create an eventfd")),
      timer_fd_(
          made(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "create a timer")),
      now_(Clock::now()) {
  // By edges: neither is ever read, each write and each expiry is a new edge.
  mail_.set<&SocketLoop::on_mail>(this);
  mail_.start(mail_fd_.get(), EPOLLIN | EPOLLET);
  timer_.set<&SocketLoop::on_timer>(this);
  timer_.start(timer_fd_.get(), EPOLLIN | EPOLLET);
}

/// Without memory in the kernel it fails, and the socket is silent until its owner's timeout.
void SocketLoop::control(int operation, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  const uint64_t number = slots_[static_cast<size_t>(fd)].number;
  event.data.u64 = number << 32U | static_cast<uint32_t>(fd);
  ::epoll_ctl(epoll_.get(), operation, fd, &event);
}

void SocketLoop::run() {
  std::array<epoll_event, kBatch> events{};
  stopped_ = false;
  while (!stopped_) {
    const int ready = kernel::epoll_wait(epoll_.get(), events.data(), kBatch);
    now_ = Clock::now();
    for (int i = 0; i < ready; ++i) dispatch(events[static_cast<size_t>(i)]);
    if (mail_came_) read_mail();
    end_turn();
  }
}

void SocketLoop::dispatch(const epoll_event& event) {
  const Slot slot = slots_[static_cast<uint32_t>(event.data.u64)];
  if (slot.watch == nullptr || slot.number != event.data.u64 >> 32U) return;
  uint32_t events = event.events;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) events |= Watch::kRead | Watch::kWrite;
  slot.watch->call_(slot.watch->object_, events);
}

void SocketLoop::end_turn() {
  // A deferred task may defer another one: run until nothing is left, the loop is about to sleep.
  while (!deferred_.empty()) {
    running_.swap(deferred_);
    for (auto& task : running_) task();
    running_.clear();
  }
  if (on_turn_end_) on_turn_end_();
}

void SocketLoop::wake_at(TimePoint at) {
  auto since_boot = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch());
  // Zero would disarm the timer: a deadline in the far past becomes the first nanosecond.
  since_boot = std::max(since_boot, std::chrono::nanoseconds(1));
  const itimerspec spec{
      .it_interval = {},
      .it_value = {.tv_sec = since_boot / 1s, .tv_nsec = (since_boot % 1s).count()}};
  ::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void SocketLoop::on_timer(uint32_t) {
  if (on_timer_) on_timer_();
}

void SocketLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(mailbox_mutex_);
    first = mailbox_.empty();
    mailbox_.push_back(std::move(task));
  }
  // Who finds something in the box knows that its first letter's writer wakes the loop.
  if (first) ::eventfd_write(mail_fd_.get(), 1);
}

void SocketLoop::read_mail() {
  mail_came_ = false;
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task();
}

}  // namespace hapair::lbcore::relay
