// A proxy that stands between client and backend, as its own documentation would set it up for
// this: one worker, no logging, no health checks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/process.h"

namespace hapair::test::bench {

class Contender {
 public:
  static constexpr uint16_t kAnswers = 8080;
  static constexpr uint16_t kBulk = 8081;

  /// "direct" is the backend itself; the others: floor, haproxy, haproxy-splice, nginx, lbcore.
  static const std::vector<std::string_view>& names();

  /// Started in `inside` and listening when it returns; on the processors of the calling thread.
  Contender(std::string_view name, const Namespace& inside, const std::string& backend);

  [[nodiscard]] const std::vector<pid_t>& processes() const { return processes_; }

 private:
  TempDir dir_;
  std::unique_ptr<Process> process_;
  std::vector<pid_t> processes_;
};

}  // namespace hapair::test::bench
