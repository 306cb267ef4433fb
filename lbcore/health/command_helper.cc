#include "lbcore/health/command_helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/spawn.h"
#include "common/unique_fd.h"
#include "lbcore/health/command_message.h"

namespace hapair::lbcore::health {

namespace {

constexpr size_t kMostOutput = 1024;  // that is kept; the rest is read and thrown away
constexpr rlim_t kDescriptors = 1024;
constexpr int kLastCapability = 63;

// ---- What commands must not inherit

void drop_capabilities() {
  // The first suffices, for nothing that is executed gains what we have not; the rest is what
  // shows. As root some of it needs a capability that goes with it: the order counts.
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  ::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  for (int capability = 0; capability <= kLastCapability; ++capability) {
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ::syscall(SYS_capset, &header, none.data());
}

void be_ordinary() {
  drop_capabilities();
  // lbcore is spared when memory runs out; its commands are not.
  if (const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); score) {
    [[maybe_unused]] const ssize_t written = ::write(score.get(), "0", 1);
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, kDescriptors);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
}

class Helper {
 public:
  int run();

 private:
  struct Job {
    uint32_t id = 0;
    UniqueFd output;
    std::string text;
    TimePoint until{};
    bool killed = false;  // by us
  };

  /// False: lbcore is gone.
  bool take_order();
  void start(CommandOrder order);
  [[noreturn]] static void become(std::vector<char*>& argv, std::vector<char*>& environment,
                                  int output, int trouble, pid_t helper);
  void reap();
  void end(pid_t pid, Job job);
  void kill_strays() const;
  static void read_output(Job& job);
  void kill_late(TimePoint now);
  static void kill_group(pid_t pid, Job& job);
  [[nodiscard]] int wait_ms(TimePoint now) const;
  static void tell(const CommandEnd& end);

  std::map<pid_t, Job> jobs_;
};

int Helper::run() {
  std::vector<pollfd> watched;
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  const UniqueFd ended(::signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!ended) return 1;
  while (true) {
    watched = {{.fd = kHelperSocket, .events = POLLIN, .revents = 0},
               {.fd = ended.get(), .events = POLLIN, .revents = 0}};
    for (const auto& [pid, job] : jobs_) {
      watched.push_back({.fd = job.output.get(), .events = POLLIN, .revents = 0});
    }
    ::poll(watched.data(), watched.size(), wait_ms(Clock::now()));
    for (auto& [pid, job] : jobs_) read_output(job);
    kill_late(Clock::now());
    std::array<signalfd_siginfo, 8> news{};
    while (::read(ended.get(), news.data(), sizeof news) > 0) {
    }
    reap();
    if (watched[0].revents != 0 && !take_order()) break;
  }
  for (auto& [pid, job] : jobs_) kill_group(pid, job);
  jobs_.clear();
  do {
    kill_strays();
  } while (::waitpid(-1, nullptr, 0) > 0);
  return 0;
}

bool Helper::take_order() {
  std::string message(kMostCommandMessage, '\0');
  const ssize_t got = ::recv(kHelperSocket, message.data(), message.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  message.resize(static_cast<size_t>(got));
  auto order = decode_order(message);
  if (!order) return false;
  if (order->timeout_ms > 0) {
    start(std::move(*order));
    return true;
  }
  for (auto& [pid, job] : jobs_) {
    if (job.id == order->id) kill_group(pid, job);
  }
  return true;
}

void Helper::start(CommandOrder order) {
  const auto failed = [&](int error) {
    tell({.id = order.id, .how = CommandEnd::How::not_started, .value = error});
  };
  std::array<int, 2> output{};
  std::array<int, 2> trouble{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) return failed(errno);
  UniqueFd read_end(output[0]);
  UniqueFd write_end(output[1]);
  if (::pipe2(trouble.data(), O_CLOEXEC) != 0) return failed(errno);
  const UniqueFd trouble_read(trouble[0]);
  UniqueFd trouble_write(trouble[1]);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);

  auto argv = exec_pointers(order.argv);
  auto environment = exec_pointers(order.environment);
  const pid_t helper = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return failed(errno);
  if (pid == 0) become(argv, environment, write_end.get(), trouble_write.get(), helper);
  ::setpgid(pid, pid);  // the child does so as well: whoever is first
  write_end.reset();
  trouble_write.reset();
  int error = 0;
  if (::read(trouble_read.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    return failed(error);
  }
  jobs_[pid] = {.id = order.id,
                .output = std::move(read_end),
                .text = {},
                .until = Clock::now() + std::chrono::milliseconds(order.timeout_ms),
                .killed = false};
}

/// The child, until it is the command.
void Helper::become(std::vector<char*>& argv, std::vector<char*>& environment, int output,
                    int trouble, pid_t helper) {
  ::setpgid(0, 0);
  // Should the helper be killed, its commands go too.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != helper) ::_exit(127);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      ::dup2(output, STDERR_FILENO) >= 0 && ::chdir("/") == 0) {
    ::execve(argv[0], argv.data(), environment.data());
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(trouble, &error, sizeof error);
  ::_exit(127);
}

/// Looks at who has ended before it is reaped: until then nobody else can get its number, and the
/// group that is killed is its own.
void Helper::reap() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const auto found = jobs_.find(info.si_pid);
    if (found == jobs_.end()) {
      ::waitpid(info.si_pid, nullptr, 0);  // a stray, whose own children are ours now
      kill_strays();
      continue;
    }
    Job job = std::move(found->second);
    jobs_.erase(found);
    end(info.si_pid, std::move(job));
    kill_strays();
  }
}

/// What a command has sent into the background in a group of its own became our child when its
/// parent ended. Those whose group is still that of a command are left to its end.
void Helper::kill_strays() const {
  std::ifstream children(fmt::format("/proc/self/task/{}/children", ::getpid()));
  for (pid_t child = 0; children >> child;) {
    if (!jobs_.contains(child) && !jobs_.contains(::getpgid(child))) ::kill(child, SIGKILL);
  }
}

void Helper::end(pid_t pid, Job job) {
  using How = CommandEnd::How;
  ::kill(-pid, SIGKILL);
  read_output(job);
  int status = 0;
  ::waitpid(pid, &status, 0);
  CommandEnd end{.id = job.id, .line = first_line(job.text)};
  if (WIFEXITED(status)) {
    end.how = How::exited;
    end.value = WEXITSTATUS(status);
  } else {
    end.how = job.killed ? How::late : How::killed;
    end.value = WTERMSIG(status);
  }
  tell(end);
}

void Helper::read_output(Job& job) {
  constexpr int kReadsPerTurn = 4;  // one that floods its output must not starve the others
  std::array<char, 4096> buffer;    // NOLINT(cppcoreguidelines-pro-type-member-init): only written
  for (int i = 0; i < kReadsPerTurn && job.output; ++i) {
    const ssize_t got = ::read(job.output.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return job.output.reset();
    const size_t room = kMostOutput - std::min(job.text.size(), kMostOutput);
    job.text.append(buffer.data(), std::min(static_cast<size_t>(got), room));
  }
}

void Helper::kill_late(TimePoint now) {
  for (auto& [pid, job] : jobs_) {
    if (!job.killed && now >= job.until) kill_group(pid, job);
  }
}

void Helper::kill_group(pid_t pid, Job& job) {
  job.killed = true;
  ::kill(-pid, SIGKILL);
}

int Helper::wait_ms(TimePoint now) const {
  Duration least = 1h;
  for (const auto& [pid, job] : jobs_) {
    if (!job.killed) least = std::min(least, job.until - now);
  }
  return static_cast<int>(std::max<int64_t>(least / 1ms + 1, 0));
}

void Helper::tell(const CommandEnd& end) {
  const std::string message = encode(end);
  ::send(kHelperSocket, message.data(), message.size(), MSG_NOSIGNAL);
}

}  // namespace

int run_command_helper() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kHelperSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    return 2;  // somebody called it by hand
  }
  ::close_range(kHelperSocket + 1, ~0U, 0);
  ::fcntl(kHelperSocket, F_SETFD, FD_CLOEXEC);
  // A stop of the whole service is for lbcore, which checks on while its connections end.
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) std::signal(number, SIG_IGN);
  // Orphans of a command come to us, and are not left to somebody who may not reap them.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_NAME, "lbcore-commands", 0, 0, 0);
  be_ordinary();
  return Helper().run();
}

}  // namespace hapair::lbcore::health
