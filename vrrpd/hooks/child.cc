#include "vrrpd/hooks/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/result.h"
#include "common/spawn.h"
#include "common/units.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kLongestLine = 400;
constexpr size_t kReadAtOnce = 4096;
constexpr int kReadsPerWakeup = 4;  // one that floods its output must not starve the others
constexpr Duration kTermToKill = 2s;

}  // namespace

Child::Child(EventLoop& loop, Launch launch, OnLine on_line, OnEnd on_end)
    : loop_(loop),
      launch_(std::move(launch)),
      on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      deadline_(loop, [this] { on_timeout(); }),
      output_watcher_(loop.raw()),
      exit_watcher_(loop.raw()) {
  output_watcher_.set<Child, &Child::on_output>(this);
  exit_watcher_.set<Child, &Child::on_exit>(this);
  if (const Status started = start(); !started) {
    // Not from within our own constructor.
    loop_.defer([report = std::move(on_end_), how = started.error().message] {
      report({.good = false, .how = how});
    });
    return;
  }
  deadline_.arm(loop_.now() + launch_.timeout);
}

Child::~Child() {
  if (pid_ < 0) return;
  signal_group(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status Child::start() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail_system("make a pipe");
  UniqueFd ours(pipe[0]);
  const UniqueFd theirs(pipe[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, theirs.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, theirs.get(), STDERR_FILENO);
  const SpawnAttributes attributes(POSIX_SPAWN_SETSID);
  const auto argv = exec_pointers(launch_.argv);
  const auto environment = exec_pointers(launch_.environment);
  const int error = ::posix_spawn(&pid_, launch_.argv.front().c_str(), &files, attributes.get(),
                                  argv.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    pid_ = -1;
    return fail_system("cannot start", error);
  }
  pid_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pid_fd_) {
    const Error why = system_error("cannot watch it");
    signal_group(SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    return tl::unexpected(why);
  }
  output_ = std::move(ours);
  output_watcher_.start(output_.get(), ev::READ);
  exit_watcher_.start(pid_fd_.get(), ev::READ);
  return {};
}

// --- Output --------------------------------------------------------------------------------------

void Child::on_output(ev::io&, int) {
  read_output();
}

void Child::read_output() {
  std::array<char, kReadAtOnce> buffer{};
  for (int i = 0; i < kReadsPerWakeup; ++i) {
    const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return output_watcher_.stop();
    take({buffer.data(), static_cast<size_t>(got)});
  }
}

void Child::take(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n') {
      flush_line();
    } else if (line_.size() >= kLongestLine) {
      cut_ = true;
    } else {
      const auto code = static_cast<unsigned char>(byte);
      line_ += code < ' ' || code == 0x7f ? ' ' : byte;
    }
  }
}

void Child::flush_line() {
  if (cut_) line_ += "...";
  if (!line_.empty()) on_line_(line_);
  line_.clear();
  cut_ = false;
}

// --- Its end -------------------------------------------------------------------------------------

void Child::end_early() {
  if (pid_ >= 0 && !timed_out_) on_timeout();
}

void Child::on_timeout() {
  if (pid_ < 0) return;
  signal_group(timed_out_ ? SIGKILL : SIGTERM);
  if (!std::exchange(timed_out_, true)) deadline_.arm(loop_.now() + kTermToKill);
}

void Child::on_exit(ev::io&, int) {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
  if (timed_out_) signal_group(SIGKILL);  // what it started shall not outlive its time
  pid_ = -1;
  exit_watcher_.stop();
  deadline_.disarm();
  // Its last words; not what a program that it left behind says later.
  read_output();
  output_watcher_.stop();
  flush_line();
  if (timed_out_) {
    end({.good = false,
         .how = fmt::format("took longer than {}: killed", format_duration(launch_.timeout))});
  } else if (WIFSIGNALED(status)) {
    end({.good = false,
         .how = fmt::format("died by signal {} ({})", WTERMSIG(status),
                            ::strsignal(WTERMSIG(status)))});
  } else {
    end({.good = WEXITSTATUS(status) == 0,
         .how = fmt::format("exited with {}", WEXITSTATUS(status))});
  }
}

void Child::end(const End& how) {
  const OnEnd report = std::move(on_end_);
  report(how);
}

void Child::signal_group(int number) const {
  ::kill(-pid_, number);
}

}  // namespace hapair::vrrp
