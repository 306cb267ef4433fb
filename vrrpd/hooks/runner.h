// The process that runs what an operator wrote: hooks, one at a time, and track scripts beside
// them. An ordinary process of an unprivileged user; nothing of the heartbeat waits for it.
//
// Told by the speaker over a SOCK_SEQPACKET (hooks.proto) that outlives both: a new speaker finds
// the runner as it was, a new runner says hello and is told again. The channel ends when guardian
// and speaker are gone: then the stop hooks that wait still run, within their time, and the runner
// leaves. Forked by `runners`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rise_fall.h"
#include "common/unique_fd.h"
#include "vrrpd/hooks/child.h"
#include "vrrpd/hooks/hook_queue.h"
#include "vrrpd/hooks/hooks.pb.h"

namespace hapair::vrrp {

class Runner {
 public:
  Runner(Logger& log, UniqueFd channel);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void run();  // until the channel ends and nothing is left to do

 private:
  void on_channel(ev::io& watcher, int events);
  void on_channel_end();
  void tell(const hooks::FromRunner& message);

  // --- Hooks
  void on_job(const hooks::Job& job);
  void run_next();
  void on_hook_end(const Child::End& end);
  void report(const Hook& hook, hooks::Report::What what, const std::string& detail = {},
              Duration took = Duration::zero());

  // --- Track scripts
  struct Script {
    Script(EventLoop& loop, hooks::Script what, Deadline::Callback on_due)
        : plan(std::move(what)), state(plan.rise(), plan.fall()), due(loop, std::move(on_due)) {}
    hooks::Script plan;
    RiseFall state;
    Deadline due;
    std::unique_ptr<Child> child;
    std::string last_line;  // of the output of the run that goes on
    std::string reason;     // of the last failure
    uint64_t runs = 0;
  };
  void on_plan(const hooks::Plan& plan);
  void run_script(const std::string& name);
  void on_script_end(const std::string& name, const Child::End& end);
  void tell_verdict(const Script& script);

  Logger& log_;
  UniqueFd channel_;
  EventLoop loop_;
  ev::io watcher_;
  bool ending_ = false;

  HookQueue queue_;
  std::optional<Hook> hook_;  // runs now
  std::unique_ptr<Child> child_;
  TimePoint begun_;
  int lines_ = 0;  // of its output

  std::map<std::string, std::unique_ptr<Script>> scripts_;
};

}  // namespace hapair::vrrp
