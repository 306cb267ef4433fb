// One check of one address for as long as it is configured: when the next probe starts, what its
// result means, and the one place that changes LiveServer::up. Its verdict is that of every pool's
// server with this address and this check. Main loop only.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/rise_fall.h"
#include "lbcore/health/probe.h"
#include "lbcore/model/live.h"

namespace hapair::lbcore::health {

/// How LiveServer::last_result begins while only the peer has an opinion.
inline constexpr std::string_view kHint = "HINT";

/// What all checkers of a monitor share.
struct CheckContext {
  EventLoop& loop;
  Logger& log;
  std::function<void(const LiveServer&)> on_change;
  ProbeTools tools{loop};
  RateLimit environment_lines{1, 10s};
  std::minstd_rand random{std::random_device{}()};
};

class Checker {
 public:
  struct Target {
    std::string name;  // "pool/server", for the log
    std::shared_ptr<LiveServer> live;
  };

  /// The first check starts at once. With a `predecessor` its verdict stays until results change
  /// it; without one the servers are down until the first result.
  Checker(CheckContext& context, const Endpoint& server, const CheckSpec& spec,
          std::vector<Target> targets, const Checker* predecessor);
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// Whose verdict it is from now on. Who joins takes the verdict that there is.
  void serve(std::vector<Target> targets);
  [[nodiscard]] bool decided() const { return state_.decided(); }
  /// `by` says that the server is up: believed until our own first result.
  void hint_up(const std::string& by);
  /// A server that is down may have been out of our own reach: the next result decides, at once, as
  /// the first one did.
  void doubt();

 private:
  void begin();
  void on_due(ev::timer& watcher, int events);
  void start_probe();
  void on_result(const ProbeResult& result);
  void schedule_next();
  void note(std::string result);
  void set_up(const Target& target, const std::string& why);

  CheckContext& context_;
  const uint64_t token_;  // of the address
  const CheckSpec spec_;
  std::vector<Target> targets_;
  RiseFall state_;
  std::string last_result_;
  TimePoint last_result_at_{};
  std::unique_ptr<Probe> probe_;
  TimePoint started_{};
  bool spread_due_ = true;  // the next pause is the first of its kind
  ev::timer due_;
};

}  // namespace hapair::lbcore::health
