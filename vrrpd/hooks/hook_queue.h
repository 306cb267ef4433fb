// Which hook runs next. Pure; the runner process asks it.
//
// One hook runs at a time. A router has at most one that waits: a newer state supersedes it, and a
// state that the router's last hook was run for already needs no hook at all. So the last hook that
// ran is the last state, however slow hooks are and however often the state changes; and a speaker
// that was started again and tells what is known changes nothing. A state without a program goes
// through the queue as well: it supersedes, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace hapair::vrrp {

enum class HookKind : uint8_t { active, backup, fault, stop };
std::string_view name(HookKind kind);  // "on_active", as in the configuration

struct Hook {
  std::string router;
  HookKind kind = HookKind::fault;
  uint64_t number = 0;  // the speaker's
  std::string program;  // empty: nothing to run
  std::vector<std::string> environment;
  Duration timeout{0};
};

class HookQueue {
 public:
  enum class Outcome : uint8_t {
    waits,
    unchanged,  // the router's last hook was for this state already
    full        // too many routers
  };
  static constexpr size_t kMostRouters = 1024;

  struct Added {
    Outcome outcome = Outcome::waits;
    std::optional<Hook> superseded;  // will not run
  };
  Added add(Hook hook);

  /// The one to run now; nothing while one runs, or none waits. Follow it up with finished().
  std::optional<Hook> next();
  void finished() { running_ = false; }

  /// The program ends: only the stop hooks that wait shall still run. What will not is returned.
  std::vector<Hook> keep_only_stops();

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
  std::deque<Hook> waiting_;
  std::map<std::string, HookKind> last_;  // begun last, by router
  bool running_ = false;
};

}  // namespace hapair::vrrp
