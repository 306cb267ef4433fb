// The checks of one server for as long as it is configured: when the next probe starts, what its
// result means, and the one place that changes LiveServer::up. Main loop only.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/rise_fall.h"
#include "lbcore/health/probe.h"
#include "lbcore/model/live.h"

namespace hapair::lbcore::health {

/// What all checkers of a monitor share.
struct CheckContext {
  EventLoop& loop;
  Logger& log;
  std::function<void(const LiveServer&)> on_change;
  QuietClose closer{loop};
  RateLimit environment_lines{1, 10s};
  std::minstd_rand random{std::random_device{}()};
};

class Checker {
 public:
  /// `name`: "pool/server", for the log. The first check starts at once.
  Checker(CheckContext& context, std::shared_ptr<LiveServer> server, std::string name,
          const CheckSpec& spec);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// A changed spec starts its first check at once; the verdict stays until results change it.
  void configure(std::string name, const CheckSpec& spec);
  [[nodiscard]] bool decided() const { return state_.decided(); }

 private:
  void apply(const CheckSpec& spec);
  void on_due(ev::timer& watcher, int events);
  void start_probe();
  void on_result(const ProbeResult& result);
  void schedule_next();
  void set_up(bool up, const std::string& why);

  CheckContext& context_;
  std::shared_ptr<LiveServer> server_;
  std::string name_;
  CheckSpec spec_;
  RiseFall state_;
  std::unique_ptr<Probe> probe_;
  TimePoint started_{};
  bool spread_due_ = true;  // the next pause is the first of its kind
  ev::timer due_;
};

}  // namespace hapair::lbcore::health
