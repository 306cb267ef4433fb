// Programs as children of a test: started in a namespace, their output kept in memory, ended with
// their object. A child gets SIGKILL when the *thread* that started it ends, so that a killed test
// leaves nothing behind: start programs from the test's main thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/unique_fd.h"

namespace hapair::test {

class Namespace;

struct Launch {
  std::vector<std::string> argv;      // argv[0] is looked up in PATH
  const Namespace* in = nullptr;      // null: the namespace of the test
  std::vector<std::string> env = {};  // "NAME=value", added to the test's own
  std::string stdin_text = {};        // what it reads; empty: /dev/null
};

/// How a child ended.
struct Exit {
  int code = 0;    // exit status, or 128 + signal as a shell shows it
  int signal = 0;  // 0: exited by itself
};

class Process {
 public:
  /// Throws std::system_error when the program cannot be started (not found, ...).
  explicit Process(const Launch& launch);
  ~Process();  // SIGTERM, 3 s later SIGKILL, to this process only
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number);
  /// How it ended, waiting for at most `within`; nothing while it still runs.
  std::optional<Exit> wait(Duration within);
  /// SIGTERM, then SIGKILL after `grace`; how it ended.
  Exit terminate(Duration grace);

  /// What it has written so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  /// Waits until either stream contains `text`; a failure shows both.
  [[nodiscard]] ::testing::AssertionResult wait_for_output(std::string_view text, Duration within);

  /// Its direct children now, oldest first (vrrpd's speaker is the child of its parent process).
  [[nodiscard]] std::vector<pid_t> children() const { return children_of(pid_); }
  static std::vector<pid_t> children_of(pid_t pid);

 private:
  std::string command_;
  pid_t pid_ = -1;
  std::optional<Exit> exit_;
  UniqueFd out_;
  UniqueFd err_;
};

struct Finished {
  Exit exit;
  std::string out;
  std::string err;
  [[nodiscard]] bool ok() const { return exit.code == 0; }
};

/// Runs a program to its end. Throws std::runtime_error when it takes longer than `within` (it is
/// killed then).
Finished run_program(const Launch& launch, Duration within = 10s);
/// The standard output of a program that succeeded; throws std::runtime_error with its stderr
/// otherwise.
std::string must_succeed(const Finished& finished, const std::vector<std::string>& argv);

}  // namespace hapair::test
