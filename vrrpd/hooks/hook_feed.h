// The speaker's side of the hook runners: tells them which state each router has reached and which
// scripts to run, and learns what became of it. Never waits: what a full queue does not take is
// said, and tried again at the next tick, by then perhaps with a newer state.
//
// A runner that was started anew says hello and is told again what its predecessor had not done.
// Used by `speaker`, on its loop.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "vrrpd/config/programs.h"
#include "vrrpd/hooks/hook_queue.h"
#include "vrrpd/hooks/hooks.pb.h"
#include "vrrpd/hooks/runners.h"

namespace hapair::vrrp {

class HookFeed {
 public:
  struct Verdict {
    std::optional<bool> good;  // nothing: none yet
    std::string reason;
    uint64_t runs = 0;
  };
  struct Happened {  // to a hook
    std::string router;
    HookKind kind = HookKind::fault;
    std::string what;  // "begun", "done", "failed", "skipped"
    std::string detail;
  };
  struct Callbacks {
    std::function<void(const std::string& script, const Verdict&)> on_verdict;
    std::function<void(const Happened&)> on_hook;
  };
  HookFeed(EventLoop& loop, Logger& log, const Runners& runners, Callbacks callbacks);
  HookFeed(const HookFeed&) = delete;
  HookFeed& operator=(const HookFeed&) = delete;

  /// A router reached a state; the hook's number is set here.
  void post(Hook hook, const std::string& user);
  /// All scripts, whole each time.
  void plan(const std::vector<TrackScript>& scripts);
  /// Call twice a second.
  void tick();

  /// "" or what is known of it.
  [[nodiscard]] const Verdict& verdict(const std::string& script) const;

  struct Counts {
    uint64_t run = 0;
    uint64_t failed = 0;
    uint64_t skipped = 0;  // superseded by a newer state
    uint64_t refused = 0;  // a full queue, so far
    std::string running;   // "on_active" while it runs
    std::string last;      // "on_backup done in 12 ms", "on_active exited with 1"
  };
  [[nodiscard]] Counts counts(const std::string& router) const;

 private:
  struct Posted {
    Hook hook;
    std::string user;
    bool sent = false;
    bool done = false;
    Counts counts;
  };
  struct Line {  // to one runner
    explicit Line(ev::loop_ref loop) : watcher(loop) {}
    std::string user;
    int fd = -1;
    ev::io watcher;
    bool plan_due = false;
  };
  void on_readable(ev::io& watcher, int events);
  void read_from(Line& line);
  void on_report(const hooks::Report& report);
  void on_verdict(const hooks::Verdict& verdict);
  void send_what_waits();
  [[nodiscard]] bool send(Line& line, const hooks::ToRunner& message);
  [[nodiscard]] Line* line_of(const std::string& user);
  void open_new_lines();

  EventLoop& loop_;
  Logger& log_;
  const Runners& runners_;
  Callbacks callbacks_;
  std::array<std::unique_ptr<Line>, kMostHookUsers> lines_;
  std::map<std::string, Posted> posted_;  // the latest, by router
  std::vector<TrackScript> scripts_;
  std::map<std::string, Verdict> verdicts_;
  uint64_t numbers_ = 0;
  RateLimit refusal_lines_{3, 10s};
};

}  // namespace hapair::vrrp
