// The parent process: starts the speaker, shares a piece of memory with it, and replaces it within
// milliseconds should it die or stand still. The VIPs stay meanwhile, and the next speaker goes on
// as if nothing had happened; only if it cannot, they are taken away and resigned for.
//
// Tiny on purpose: one thread that waits in ppoll() and parses nothing but the speaker's snapshot.
// What is to be done `watch` decides; `estate` does it to the VIPs. Two signs of death: the
// lifeline, at once, upon which the next speaker is started; and the end of the channel, when
// nothing is left of the process and its exit code can be had. Called by `main`.
#pragma once

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/config/config.h"
#include "vrrpd/guardian/estate.h"
#include "vrrpd/guardian/lifeline.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/guardian/watch.h"
#include "vrrpd/operate/operating.h"
#include "vrrpd/options.h"

namespace hapair::vrrp {

/// The signals that the guardian takes through its signalfd; block them before the first thread
/// starts.
sigset_t guardian_signals();

class Guardian {
 public:
  /// Throws when the environment refuses a socket. guardian_signals() must be blocked.
  Guardian(Logger& log, Options options, DaemonConfig config, Operating& operating);

  /// Until SIGTERM or SIGINT; the exit code of the program.
  int run();

 private:
  /// A speaker, as long as anything is left of it.
  struct Child {
    pid_t pid = -1;
    UniqueFd channel;
    UniqueFd dying;  // eventfd: the lifeline's word
    std::unique_ptr<Lifeline> lifeline;
  };

  void decide(const WatchEvent& event);
  void execute(const WatchAction& action);
  void spawn(const std::string& why);
  [[nodiscard]] pid_t fork_alone();
  [[noreturn]] void be_speaker(Child& self, const UniqueFd& channel);
  void bury(const std::string& why);
  [[nodiscard]] View view() const;

  void wait(std::optional<TimePoint> until);
  void on_signal();
  void on_channel();
  void on_message(std::string_view message);
  void on_config(const std::string& text);
  void on_death();
  void on_end(Child& child);

  Logger& log_;
  Options options_;
  DaemonConfig config_;  // as it was at the start; the one in force is in the shared memory
  Duration stop_hooks_take_;
  Operating& operating_;
  Runners& runners_;
  sigset_t signals_;
  UniqueFd signal_fd_;
  SharedState shared_;
  Estate estate_;
  Watch watch_;

  std::optional<Child> speaker_;
  std::vector<Child> going_;   // dead, but their last threads may take their time
  TimePoint died_at_;          // the one before
  bool ready_ = false;         // a speaker has said what it does at least once
  bool reload_asked_ = false;  // while there was no speaker
  std::optional<int> exit_code_;
};

}  // namespace hapair::vrrp
