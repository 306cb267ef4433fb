// One attempt at one server, within one timeout for all of it. Every attempt ends in exactly one
// call of `done`. The kinds: stream_probe (tcp, tls), http_probe, smtp_probe, datagram_probe (udp),
// dns_probe, icmp_probe, exec_probe; make_probe knows them all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ev++.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "lbcore/health/check_spec.h"
#include "lbcore/health/command_runner.h"
#include "lbcore/health/probe_result.h"
#include "lbcore/health/quiet_close.h"
#include "lbcore/health/tls_stream.h"

namespace hapair::lbcore::health {

/// What all probes share.
struct ProbeTools {
  /// `helper`: the program that runs commands; nothing: our own.
  explicit ProbeTools(EventLoop& event_loop, const std::string& helper = "")
      : loop(event_loop), closer(event_loop), commands(event_loop, helper) {}

  EventLoop& loop;
  QuietClose closer;
  CommandRunner commands;
  TlsContexts tls;
};

class Probe {
 public:
  /// Must not destroy the probe; may be called before start() returns.
  using Done = std::function<void(const ProbeResult&)>;

  Probe(ProbeTools& tools, CheckSpec spec, Done done);
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Begins one attempt; only when none is running.
  void start();
  [[nodiscard]] bool running() const { return running_; }

 protected:
  /// May finish at once.
  virtual void begin() = 0;
  /// Finishes.
  virtual void out_of_time() = 0;
  /// Lets go of what the attempt held.
  virtual void release() = 0;

  void finish(ProbeCode code, std::string detail);
  [[nodiscard]] ProbeTools& tools() const { return tools_; }
  [[nodiscard]] const CheckSpec& spec() const { return spec_; }

 private:
  void on_timeout(ev::timer& watcher, int events);

  ProbeTools& tools_;
  const CheckSpec spec_;
  Done done_;
  TimePoint started_{};
  bool running_ = false;
  ev::timer timer_;
};

/// The probe of this kind of check; none for CheckKind::none.
std::unique_ptr<Probe> make_probe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec,
                                  Probe::Done done);

}  // namespace hapair::lbcore::health
