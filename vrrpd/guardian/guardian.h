// The parent process: starts the speaker, knows its testament, and carries it out within
// microseconds should the speaker die, by whatever signal: removes the VIPs, resigns, then starts
// another one.
//
// Tiny on purpose: one thread that waits in ppoll(), nothing parsed but the speaker's own messages
// (and the configuration on SIGHUP). Two signs of death: the lifeline, at once, upon which the
// testament is carried out; and the end of the channel, when nothing is left of the process, upon
// which the next one is started. Called by `main`.
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
#include "vrrpd/guardian/lifeline.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/guardian/testament.pb.h"
#include "vrrpd/kernel/adv_socket.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/kernel/netlink_route.h"
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
  void spawn();
  [[noreturn]] void be_speaker(const UniqueFd& channel);
  void wait(std::optional<TimePoint> until);
  void on_signal();
  void on_channel();
  void on_speaker_dying();
  void on_speaker_gone();
  void carry_out_testament();
  void schedule_restart(const std::string& how_it_ended);
  void reload();
  void signal_speaker(int signal_number) const;

  Logger& log_;
  Options options_;
  DaemonConfig config_;
  Operating& operating_;
  Runners& runners_;
  sigset_t signals_;
  UniqueFd signal_fd_;
  NetlinkAddress kernel_;
  NetlinkRoute routes_;
  AdvSocket socket_;
  std::optional<AdvSocket> socket_v6_;
  std::vector<char> buffer_;
  SharedState shared_;

  pid_t speaker_ = -1;
  UniqueFd channel_;
  std::unique_ptr<Lifeline> lifeline_;
  bool watched_ = false;
  UniqueFd dying_;  // eventfd: the lifeline's word
  testament::Testament testament_;
  TimePoint spawned_at_;
  Duration carried_out_in_{0};
  bool ready_ = false;  // a speaker has spoken at least once
  int quick_deaths_ = 0;
  std::optional<TimePoint> restart_at_;
  std::optional<TimePoint> kill_at_;
  bool stopping_ = false;
  std::optional<int> exit_code_;
};

}  // namespace hapair::vrrp
