// The child process that speaks VRRP: every router of the configuration on one event loop, which
// never blocks.
//
// Parsing a new configuration is left to a thread; the log to the logger's. The guardian's end of
// the channel closing means that the guardian is dead: the speaker releases everything and exits,
// for nobody would clean up after it. Called by `guardian` right after fork().
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <ev++.h>

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/config/config.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/hooks/hook_feed.h"
#include "vrrpd/hooks/runners.h"
#include "vrrpd/kernel/link_monitor.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/options.h"
#include "vrrpd/speaker/groups.h"
#include "vrrpd/speaker/instance.h"
#include "vrrpd/speaker/role_link.h"

namespace hapair::vrrp {

class Speaker {
 public:
  /// `channel`: our end of the socket pair to the guardian. Throws when the environment refuses
  /// something essential.
  /// `shared`: the guardian's, written by us alone as long as we live.
  Speaker(Logger& log, Options options, DaemonConfig config, const UniqueFd& channel,
          SharedState& shared, const Runners& runners);
  ~Speaker();
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  void run();  // until told to stop; afterwards no VIP is left

 private:
  void remove_leftovers();
  void add_router(const RouterConfig& config);
  void on_link_change();
  void on_address_removed(int interface, const IpAddress& ip);
  void on_lbcore_change();
  void on_channel(ev::io& watcher, int events);
  void on_tick();
  void on_turn(ev::prepare& watcher, int events);
  void on_request(ControlConnection& from, std::string_view payload);
  void stop(const std::string& reason);

  void reload();
  void apply(const Result<DaemonConfig>& loaded);

  // speaker_operate.cc: hooks, track scripts
  void on_notify(const Instance& router, const Notify& what, bool stop);
  void post_hook(const Instance& router, const Notify& what, bool stop);
  void on_hook(const HookFeed::Happened& happened);
  void on_script(const std::string& script, const HookFeed::Verdict& verdict);
  void apply_scripts(Instance& router);

  void write_testament();
  void tell_role();
  [[nodiscard]] std::string status_line() const;

  Logger& log_;
  Options options_;
  std::string node_;
  SharedState& shared_;
  const UniqueFd& channel_;  // open as long as the process lives
  EventLoop loop_;
  TimePoint started_;
  NetlinkAddress kernel_;
  std::map<std::string, std::unique_ptr<Instance>> instances_;  // by name
  Groups groups_{loop_, instances_};
  std::string testament_;
  std::vector<TrackScript> scripts_;
  bool stopping_ = false;

  std::thread reader_;  // of a configuration that is being reloaded
  bool reading_ = false;
  bool read_again_ = false;

  LinkMonitor links_;
  RoleLink lbcore_;
  HookFeed hooks_;
  ControlServer control_;
  Ticker renewal_;
  SignalWatcher terminate_;
  SignalWatcher interrupt_;
  SignalWatcher hang_up_;
  ev::io channel_watcher_;
  ev::prepare turn_;
};

}  // namespace hapair::vrrp
