// A real systemd as the supervisor of one node: PID 1 of a PID namespace of its own, inside a
// network namespace of the test, with units of the test and nothing else. It proves what the unit
// files promise when every process of a daemon is killed at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/process.h"

namespace hapair::test {

class Supervisor {
 public:
  /// Throws std::runtime_error when systemd is not installed or does not come up within 10 s.
  explicit Supervisor(const Namespace& in);
  ~Supervisor();  // everything below it dies with it
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Writes `name`.service with this text and starts it; throws with systemctl's words when that
  /// fails.
  void start(const std::string& name, std::string unit);
  /// Its processes as this namespace numbers them, oldest first; the supervisor is not among them.
  [[nodiscard]] std::vector<int> processes() const;
  /// What the services have written.
  [[nodiscard]] std::string log() const;

 private:
  [[nodiscard]] Finished inside(std::vector<std::string> argv) const;

  const Namespace& in_;
  TempDir dir_;
  std::string control_group_;
  std::optional<Process> process_;
  int systemd_ = 0;  // its process id out here
};

/// systemd/hapair-vrrpd.service for a program that is not installed: `command` wherever it names
/// the installed one, and without the sandbox, which would hide the files of a test.
std::string unit_of_vrrpd(const std::string& command);

}  // namespace hapair::test
