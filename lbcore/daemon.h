// The running lbcore: builds the parts, hands them to each other and runs the main loop. Decides
// nothing about traffic; reloads, upgrades and the end begin here. Made by main.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/process.h"
#include "lbcore/balancer.h"
#include "lbcore/config.h"
#include "lbcore/config_push.h"
#include "lbcore/control.h"
#include "lbcore/role_socket.h"
#include "lbcore/upgrade/new_process.h"
#include "lbcore/upgrade/old_process.h"

namespace hapair::lbcore {

struct Options {
  std::string config = "/etc/hapair/hapair.conf";
  std::string node = config::host_name();
  std::string run_dir = std::string(kDefaultRunDir);
  bool test = false;
  upgrade::OldProcess::Program program;  // as which this one was started
};

class Daemon {
 public:
  /// Started by an old process that is to be replaced: `old` and what it gave.
  struct Origin {
    std::unique_ptr<upgrade::NewProcess> old;  // null: none
    upgrade::Inheritance inheritance;
  };

  Daemon(const Options& options, Loaded loaded, InstanceLock lock, Origin origin, Logger& log);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// The exit code.
  int run();

 private:
  Status start();
  Status begin();
  [[nodiscard]] Spec restored() const;
  void notify_ready();
  Status reload();
  Status take(Loaded next);
  void upgrade(const std::string& by, uid_t caller, const ControlApi::OnUpgraded& done);
  [[nodiscard]] std::vector<control::Request> changes_of_pairadm() const;
  [[nodiscard]] ControlApi::Backend backend();
  void stop(std::string_view signal);

  const Options& options_;
  Loaded loaded_;  // the file as last taken; settings as at start, but for reloadable ones
  Logger& log_;
  InstanceLock lock_;
  Origin origin_;
  EventLoop loop_;
  Balancer balancer_;
  ControlApi api_;
  ControlServer control_;
  RoleSocket role_;
  ConfigPush push_;
  upgrade::OldProcess upgrade_;
  SignalWatcher on_hangup_;
  SignalWatcher on_reopen_;
  SignalWatcher on_upgrade_;
  SignalWatcher on_terminate_;
  SignalWatcher on_interrupt_;
  bool stopping_ = false;
  bool reload_due_ = false;  // asked for during an upgrade
  int exit_code_ = 0;
};

}  // namespace hapair::lbcore
