// One attempt at one server: a non-blocking connect and what the kind of check does on it, within
// one timeout for all of it. Every attempt ends in exactly one call of `done`. The kinds
// (tcp_probe, http_probe) say what happens once the connection stands; everything that can go wrong
// before is named here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ev++.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"
#include "lbcore/health/check_spec.h"
#include "lbcore/health/probe_result.h"
#include "lbcore/health/quiet_close.h"

namespace hapair::lbcore::health {

class Probe {
 public:
  /// Must not destroy the probe; may be called before start() returns.
  using Done = std::function<void(const ProbeResult&)>;

  Probe(EventLoop& loop, QuietClose& closer, Endpoint server, Duration timeout, Done done);
  virtual ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Begins one attempt; only when none is running.
  void start();
  [[nodiscard]] bool running() const { return running_; }

 protected:
  virtual void on_connected() = 0;
  virtual void on_readable() {}
  virtual void on_writable() {}

  void finish(ProbeCode code, std::string detail);
  void watch(int events);
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const Endpoint& server() const { return server_; }

 private:
  void connect();
  void on_connect_result(int error);
  void on_event(ev::io& watcher, int events);
  void on_timeout(ev::timer& watcher, int events);

  EventLoop& loop_;
  QuietClose& closer_;
  Endpoint server_;
  Duration timeout_;
  Done done_;
  UniqueFd fd_;
  TimePoint started_{};
  bool running_ = false;
  bool connected_ = false;
  ev::io watcher_;
  ev::timer timer_;
};

/// The probe of this kind of check; none for CheckKind::none.
std::unique_ptr<Probe> make_probe(EventLoop& loop, QuietClose& closer, const Endpoint& server,
                                  const CheckSpec& spec, Probe::Done done);

}  // namespace hapair::lbcore::health
