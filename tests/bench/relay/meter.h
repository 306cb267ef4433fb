// What a proxy spends while a load is applied to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/clock.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace hapair::test::bench {

class Meter {
 public:
  virtual ~Meter() = default;
  virtual void begin() = 0;
  virtual void end() = 0;
};

/// Processor time of all threads of some processes (schedstat: nanoseconds, not ticks).
class ProcessorTime final : public Meter {
 public:
  explicit ProcessorTime(std::vector<pid_t> processes) : processes_(std::move(processes)) {}
  void begin() override { before_ = so_far(); }
  void end() override { spent_ = so_far() - before_; }
  [[nodiscard]] Duration spent() const { return spent_; }

 private:
  [[nodiscard]] Duration so_far() const;

  std::vector<pid_t> processes_;
  Duration before_{0};
  Duration spent_{0};
};

/// System calls, counted by strace. They take many times as long under it, so more events than
/// usual meet in one epoll_wait; the others are made as often as without it.
class SystemCalls final : public Meter {
 public:
  explicit SystemCalls(std::vector<pid_t> processes) : processes_(std::move(processes)) {}
  void begin() override;  // throws std::runtime_error when strace does not attach
  void end() override;
  [[nodiscard]] const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  std::vector<pid_t> processes_;
  TempDir dir_;
  std::unique_ptr<Process> strace_;
  std::map<std::string, uint64_t> counts_;
};

}  // namespace hapair::test::bench
