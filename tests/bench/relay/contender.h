// A proxy that stands between client and backend, as its own documentation would set it up for
// this: one worker as a rule, no logging, no health checks.
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

  static constexpr uint16_t kDatagrams = 8082;
  static constexpr uint16_t kFirstOfMany = 5000;

  /// What is measured; the others than lbcore do without the last three.
  struct Setup {
    bool datagrams = false;  // on kDatagrams alone
    size_t workers = 1;
    size_t servers = 1;   // of every service
    size_t services = 1;  // more than one: from kFirstOfMany on
  };

  /// "direct" is the backend itself; the others: floor, haproxy, haproxy-splice, nginx, lbcore.
  static const std::vector<std::string_view>& names();

  /// Started in `inside`, which has the address `own`, and listening when it returns; on the
  /// processors of the calling thread.
  Contender(std::string_view name, const Setup& setup, const Namespace& inside,
            const std::string& own, const std::string& backend);

  [[nodiscard]] const std::vector<pid_t>& processes() const { return processes_; }

 private:
  TempDir dir_;
  std::unique_ptr<Process> process_;
  std::vector<pid_t> processes_;
};

}  // namespace hapair::test::bench
