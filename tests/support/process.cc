#include "tests/support/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/result.h"
#include "common/spawn.h"
#include "tests/support/namespace.h"

namespace hapair::test {

namespace {

UniqueFd memory_file(const char* name) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw_system("create a memory file");
  // Appending: a child that opens /dev/stderr anew, or several children, must not overwrite each
  // other.
  ::fcntl(fd.get(), F_SETFL, O_APPEND);
  return fd;
}

std::string contents(const UniqueFd& fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got =
        ::pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

// Between fork and exec: async-signal-safe calls only, other threads may hold any lock.
[[noreturn]] void become(const std::array<int, 3>& streams, int namespace_fd, pid_t parent,
                         char** argv, char** env, int trouble_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(125);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  bool good = namespace_fd < 0 || ::setns(namespace_fd, CLONE_NEWNET) == 0;
  for (int i = 0; i < 3; ++i) good = good && ::dup2(streams[static_cast<size_t>(i)], i) == i;
  if (good) ::execvpe(argv[0], argv, env);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(trouble_fd, &error, sizeof error);
  ::_exit(125);
}

}  // namespace

Process::Process(const Launch& launch)
    : command_(fmt::format("{}", fmt::join(launch.argv, " "))),
      out_(memory_file("stdout")),
      err_(memory_file("stderr")) {
  UniqueFd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!launch.stdin_text.empty()) {
    in = UniqueFd(::memfd_create("stdin", MFD_CLOEXEC));
    if (::write(in.get(), launch.stdin_text.data(), launch.stdin_text.size()) < 0 ||
        ::lseek(in.get(), 0, SEEK_SET) != 0) {
      throw_system("hand over standard input");
    }
  }
  std::vector<std::string> arguments = launch.argv;
  std::vector<std::string> environment = launch.env;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::vector<char*> argv = exec_pointers(arguments);
  const std::vector<char*> env = exec_pointers(environment);

  std::array<int, 2> trouble{};
  if (::pipe2(trouble.data(), O_CLOEXEC) != 0) throw_system("create a pipe");
  UniqueFd trouble_read(trouble[0]);
  UniqueFd trouble_write(trouble[1]);
  const int namespace_fd = launch.in != nullptr ? launch.in->fd() : -1;
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw_system("fork");
  if (pid_ == 0) {
    become({in.get(), out_.get(), err_.get()}, namespace_fd, parent,
           const_cast<char**>(argv.data()), const_cast<char**>(env.data()), trouble_write.get());
  }
  trouble_write.reset();
  int error = 0;
  if (::read(trouble_read.get(), &error, sizeof error) ==
      sizeof error) {  // exec closes it unwritten
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw_system("start " + command_, error);
  }
}

Process::Process(Process&& other) noexcept
    : command_(std::move(other.command_)),
      pid_(std::exchange(other.pid_, -1)),
      exit_(std::exchange(other.exit_, std::nullopt)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (pid_ > 0) terminate(3s);
    command_ = std::move(other.command_);
    pid_ = std::exchange(other.pid_, -1);
    exit_ = std::exchange(other.exit_, std::nullopt);
    out_ = std::move(other.out_);
    err_ = std::move(other.err_);
  }
  return *this;
}

Process::~Process() {
  if (pid_ > 0) terminate(3s);
}

bool Process::running() {
  return !wait(Duration::zero());
}

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

std::optional<Exit> Process::wait(Duration within) {
  if (exit_) return exit_;
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (handle) {
    pollfd ended{.fd = handle.get(), .events = POLLIN, .revents = 0};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(within).count();
    ::poll(&ended, 1, static_cast<int>(milliseconds));
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  exit_ = WIFSIGNALED(status) ? Exit{.code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)}
                              : Exit{.code = WEXITSTATUS(status), .signal = 0};
  return exit_;
}

Exit Process::terminate(Duration grace) {
  signal(SIGTERM);
  signal(SIGCONT);  // a test may have stopped it
  if (const auto exit = wait(grace)) return *exit;
  signal(SIGKILL);
  return wait(10s).value_or(Exit{.code = 255, .signal = SIGKILL});
}

std::string Process::out() const {
  return contents(out_);
}
std::string Process::err() const {
  return contents(err_);
}

::testing::AssertionResult Process::wait_for_output(std::string_view text, Duration within) {
  const TimePoint deadline = Clock::now() + within;
  for (;;) {
    const bool alive = running();
    if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) {
      return ::testing::AssertionSuccess();
    }
    if (!alive || Clock::now() >= deadline) break;
    std::this_thread::sleep_for(2ms);
  }
  return ::testing::AssertionFailure()
         << command_ << (running() ? " did not write '" : " ended without writing '") << text
         << "'\nstdout:\n"
         << out() << "stderr:\n"
         << err();
}

std::vector<pid_t> Process::children_of(pid_t pid) {
  std::vector<std::pair<unsigned long long, pid_t>> found;  // by start time
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    std::getline(in, line);
    const size_t behind_name = line.rfind(')');  // the program's name may contain anything
    if (behind_name == std::string::npos) continue;
    std::istringstream fields(line.substr(behind_name + 2));
    std::string word;
    pid_t parent = 0;
    fields >> word >> parent;
    if (parent != pid || word == "Z") continue;
    for (int field = 5; field <= 21; ++field) fields >> word;
    unsigned long long started = 0;
    fields >> started;
    found.emplace_back(started, std::stoi(name));
  }
  std::ranges::sort(found);
  std::vector<pid_t> out;
  out.reserve(found.size());
  for (const auto& [started, child] : found) out.push_back(child);
  return out;
}

Finished run_program(const Launch& launch, Duration within) {
  Process process(launch);
  const auto exit = process.wait(within);
  if (!exit) {
    throw std::runtime_error(
        fmt::format("{}: still running after {} ms", fmt::join(launch.argv, " "), within / 1ms));
  }
  return {.exit = *exit, .out = process.out(), .err = process.err()};
}

std::string must_succeed(const Finished& finished, const std::vector<std::string>& argv) {
  if (finished.ok()) return finished.out;
  throw std::runtime_error(fmt::format("{}: exit status {}\n{}{}", fmt::join(argv, " "),
                                       finished.exit.code, finished.err, finished.out));
}

}  // namespace hapair::test
