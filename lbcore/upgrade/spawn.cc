#include "lbcore/upgrade/spawn.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/spawn.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::upgrade {

namespace {

std::vector<std::string> environment_with(int channel) {
  const std::string own = std::string(kChannelVariable) + '=';
  std::vector<std::string> out;
  for (char** each = environ; *each != nullptr; ++each) {
    if (std::strncmp(*each, own.c_str(), own.size()) != 0) out.emplace_back(*each);
  }
  out.push_back(own + std::to_string(channel));
  return out;
}

/// What is told through the pipe: the id of the new process, then, should it not run, why.
struct Told {
  pid_t pid = 0;
  int error = 0;
};

// Between fork and exec of a process with threads nothing may be called that takes a lock: the
// following two do system calls only.

[[noreturn]] void become(const char* program, char** arguments, char** environment, int channel,
                         int pipe) {
  const auto number = static_cast<unsigned>(channel);
  if (number > 3) ::close_range(3, number - 1, CLOSE_RANGE_CLOEXEC);
  ::close_range(number + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  ::fcntl(channel, F_SETFD, 0);
  ::execve(program, arguments, environment);
  const Told told{.pid = 0, .error = errno};
  (void)!::write(pipe, &told, sizeof told);
  ::_exit(127);
}

[[noreturn]] void fork_again(const char* program, char** arguments, char** environment, int channel,
                             int pipe) {
  const pid_t child = ::fork();
  if (child == 0) become(program, arguments, environment, channel, pipe);
  const Told told{.pid = child, .error = child < 0 ? errno : 0};
  (void)!::write(pipe, &told, sizeof told);
  ::_exit(0);
}

}  // namespace

std::string program_path(const char* argv0) {
  std::error_code ignored;
  if (std::strchr(argv0, '/') != nullptr) return std::filesystem::absolute(argv0, ignored).string();
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments,
                    int channel) {
  std::vector<std::string> words = arguments;
  std::vector<std::string> environment = environment_with(channel);
  const std::vector<char*> argv = exec_pointers(words);
  const std::vector<char*> envp = exec_pointers(environment);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_system("create a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);

  const pid_t between = ::fork();
  if (between < 0) return fail_system("fork");
  if (between == 0) {
    fork_again(program.c_str(), const_cast<char**>(argv.data()), const_cast<char**>(envp.data()),
               channel, writer.get());
  }
  writer.reset();
  while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  // Its end is that of the pipe's last writer: the new program runs, or never will.
  pid_t pid = 0;
  int error = 0;
  for (Told told; true;) {
    const ssize_t got = ::read(reader.get(), &told, sizeof told);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof told) break;
    if (told.pid > 0) pid = told.pid;
    if (told.error != 0) error = told.error;
  }
  if (error == 0 && pid > 0) return pid;
  return fail("start {}: {}", program, std::strerror(error != 0 ? error : ECHILD));
}

}  // namespace hapair::lbcore::upgrade
