#include "vrrpd/hooks/runners.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/result.h"
#include "vrrpd/hooks/runner.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kLongestUser = 63;
constexpr Duration kLongEnough = 10s;  // a runner that lived that long is replaced at once
constexpr Duration kPause = 1s;        // another one after this
constexpr int kChannel = 3;            // its descriptor in the runner
constexpr int kCannotRun = 3;          // exit code: another one would fail alike

/// From a copy of the guardian to an ordinary process of `user`.
Status become(const std::string& user) {
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return fail("there is no user {}", user);
  if (::geteuid() != 0) {
    if (entry->pw_uid == ::geteuid()) return {};
    return fail("only root may run programs as {}", user);
  }
  if (::initgroups(user.c_str(), entry->pw_gid) != 0)
    return fail_system("take the groups of " + user);
  if (::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
      ::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
    return fail_system("become " + user);  // the change of user drops every capability
  }
  return {};
}

/// An operator's program deserves neither our priority nor our protection from the OOM killer.
void become_ordinary() {
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_OTHER, &none);
  (void)::setpriority(PRIO_PROCESS, 0, 0);
  const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (score) (void)!::write(score.get(), "0", 1);
  (void)!::chdir("/");
  ::umask(022);
}

[[noreturn]] void be_runner(const std::string& user, int channel) {
  ::prctl(PR_SET_NAME, "vrrpd-hooks");
  if (channel != kChannel) ::dup3(channel, kChannel, O_CLOEXEC);
  ::syscall(SYS_close_range, kChannel + 1, ~0U, 0);
  become_ordinary();
  const Status changed = become(user);
  int code = 0;
  {
    Logger log("vrrpd");
    try {
      if (changed) {
        Runner(log, UniqueFd(kChannel)).run();
      } else {
        log.environment("hooks", "cannot run hooks: {}", changed.error().message);
        code = kCannotRun;
      }
    } catch (const std::exception& error) {
      log.environment("hooks", "{}", error.what());
    }
  }
  ::_exit(code);
}

}  // namespace

struct Runners::Table {
  struct Row {
    std::atomic<bool> used{false};  // set after the name
    std::array<char, kLongestUser + 1> user{};
  };
  std::array<Row, kMostHookUsers> rows;
};

Runners::Runners() {
  void* memory =
      ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_system("share memory with the speaker");
  table_ = new (memory) Table;
  for (Slot& slot : slots_) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
      throw_system("make a channel to a hook runner");
    }
    slot.speakers.reset(pair[0]);
    slot.runners.reset(pair[1]);
  }
}

Runners::~Runners() {
  ::munmap(table_, sizeof(Table));
}

// --- Guardian ------------------------------------------------------------------------------------

void Runners::want(const std::set<std::string>& users, Logger* log) {
  for (const std::string& user : users) {
    for (size_t at = 0; at < kMostHookUsers; ++at) {
      Table::Row& row = table_->rows[at];
      if (row.used && user == row.user.data()) break;
      if (row.used || user.size() > kLongestUser) continue;
      user.copy(row.user.data(), kLongestUser);
      row.used = true;
      start(slots_[at], user, log);
      break;
    }
  }
}

void Runners::start(Slot& slot, const std::string& user, Logger* log) {
  slot.started = Clock::now();
  slot.restart_at.reset();
  std::unique_lock<std::mutex> still;
  if (log != nullptr) still = log->keep_writer_still();
  slot.pid = ::fork();
  if (slot.pid == 0) be_runner(user, slot.runners.get());
  if (still) still.unlock();
  if (slot.pid < 0) {
    if (log != nullptr) log->environment("hooks", "{}", system_error("start the runner").message);
    slot.restart_at = slot.started + kPause;
  }
}

void Runners::look_after(Logger& log, TimePoint now) {
  for (size_t at = 0; at < kMostHookUsers; ++at) {
    Slot& slot = slots_[at];
    int status = 0;
    if (slot.pid > 0 && ::waitpid(slot.pid, &status, WNOHANG) == slot.pid) {
      slot.pid = -1;
      if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRun) continue;  // it has said why
      const bool at_once = now - slot.started >= kLongEnough;
      slot.restart_at = now + (at_once ? Duration::zero() : kPause);
      log.environment("hooks", "the runner of {} is gone ({}); starts another",
                      table_->rows[at].user.data(),
                      WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                          : fmt::format("code {}", WEXITSTATUS(status)));
    }
    if (slot.restart_at && now >= *slot.restart_at) {
      start(slot, table_->rows[at].user.data(), &log);
    }
  }
}

std::optional<TimePoint> Runners::due() const {
  std::optional<TimePoint> out;
  for (const Slot& slot : slots_) {
    if (slot.restart_at && (!out || *slot.restart_at < *out)) out = slot.restart_at;
  }
  return out;
}

void Runners::finish(Duration within) {
  const TimePoint deadline = Clock::now() + within;
  for (Slot& slot : slots_) {
    slot.speakers.reset();
    slot.runners.reset();
  }
  if (within == Duration::zero()) return;  // they leave on their own
  for (Slot& slot : slots_) {
    if (slot.pid <= 0) continue;
    const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, slot.pid, 0)));
    pollfd waiting{.fd = end.get(), .events = POLLIN, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (end && ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left, 0))) <= 0) {
      ::kill(slot.pid, SIGKILL);
    }
    ::waitpid(std::exchange(slot.pid, -1), nullptr, 0);
  }
}

// --- Speaker -------------------------------------------------------------------------------------

void Runners::be_speakers() {
  for (Slot& slot : slots_) {
    slot.runners.reset();
    slot.pid = -1;
  }
}

Runners::Channel Runners::channel(size_t slot) const {
  const Table::Row& row = table_->rows.at(slot);
  if (!row.used) return {};
  return {.user = row.user.data(), .fd = slots_.at(slot).speakers.get()};
}

}  // namespace hapair::vrrp
