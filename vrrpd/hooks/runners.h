// The hook runners as guardian and speaker know them: one process per user that the configuration
// names, and the sockets to them, which outlive every process.
//
// The table lies in memory that guardian and speaker share: a reload may name another user, and the
// guardian starts its runner before the speaker needs it. Both ends of every socket pair stay open
// in the guardian, so that neither a new runner nor a new speaker loses what waits. Used by
// `guardian` (all of it) and by `hook_feed` (channel()).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include <sys/types.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

inline constexpr size_t kMostHookUsers = 4;

class Runners {
 public:
  Runners();  // throws std::system_error
  ~Runners();
  Runners(const Runners&) = delete;
  Runners& operator=(const Runners&) = delete;

  // --- Guardian
  /// Starts a runner for every user that has none. `log` may be null before there is a logger.
  void want(const std::set<std::string>& users, Logger* log);
  /// Replaces those that died. Call whenever something happened, and at due().
  void look_after(Logger& log, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> due() const;
  /// Speaker and guardian end: lets go of the channels, upon which the runners finish; waits for
  /// them at most `within`, then kills them.
  void finish(Duration within);

  // --- Speaker
  /// In the speaker's process, right after the fork: lets go of what is the guardian's.
  void be_speakers();
  struct Channel {
    std::string user;
    int fd = -1;
  };
  [[nodiscard]] Channel channel(size_t slot) const;  // user "": the slot is free

 private:
  struct Table;  // shared
  struct Slot {
    UniqueFd speakers;
    UniqueFd runners;
    pid_t pid = -1;
    TimePoint started;
    std::optional<TimePoint> restart_at;
  };
  void start(Slot& slot, const std::string& user, Logger* log);

  Table* table_;
  std::array<Slot, kMostHookUsers> slots_;
};

}  // namespace hapair::vrrp
