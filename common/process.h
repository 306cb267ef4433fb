// What a daemon's main needs from its surroundings: one instance per run directory, systemd's
// notification socket, the descriptor limit.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair {

/// Holds an exclusive lock on `<run_dir>/<program>.lock` until destroyed or dead. The error names
/// the holder's pid. Creates the run directory (0755) when it is missing. The lock belongs to the
/// open file: a forked child shares it.
class InstanceLock {
 public:
  static Result<InstanceLock> acquire(const std::string& run_dir, std::string_view program);
  /// The lock that another process holds and gives away: `fd` is its descriptor().
  static InstanceLock adopt(UniqueFd fd) { return InstanceLock(std::move(fd)); }
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// From now on this process is named as the holder.
  [[nodiscard]] Status sign() const;

 private:
  explicit InstanceLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// sd_notify: "READY=1", "RELOADING=1", "STATUS=...", "STOPPING=1". A no-op outside systemd.
void notify_supervisor(std::string_view state);

/// Raises the soft limit of open files to the hard one; returns the limit in force.
size_t raise_descriptor_limit();

}  // namespace hapair
