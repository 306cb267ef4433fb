// A HAProxy with one stick table that it shares with its peer; everything is asked and told through
// its command line socket.
#pragma once

#include <memory>
#include <string>

#include "common/unique_fd.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/process.h"

namespace hapair::test::bench {

class Haproxy {
 public:
  /// `name` is "A" (10.255.0.1) or "B" (10.255.0.2). Throws std::runtime_error when it does not
  /// answer.
  Haproxy(const Namespace& in, std::string name);

  void set(uint32_t number);
  [[nodiscard]] bool has(uint32_t number);
  [[nodiscard]] size_t size();
  /// Clients `from` to `to`, as fast as it takes them.
  void fill(uint32_t from, uint32_t to);
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  /// One line of commands, joined by ';'; each answer ends with a prompt.
  std::string command(const std::string& line, size_t answers = 1);

  TempDir dir_;
  std::unique_ptr<Process> process_;
  UniqueFd socket_;
};

}  // namespace hapair::test::bench
