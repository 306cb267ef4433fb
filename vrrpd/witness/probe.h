// Asks a witness from a router's interface and hears its answers: ARP for an IPv4 neighbour,
// Neighbour Discovery for an IPv6 one, or a TCP connection, from the router's own primary address.
//
// Any answer counts, a refused connection too: it came over the line that is in question. Only what
// is meant for us does; an announcement that everybody hears says nothing of the way there. Owned
// by `instance`, on its loop; `witness` decides when.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/config/config.h"
#include "vrrpd/election/events.h"
#include "vrrpd/kernel/link_monitor.h"
#include "vrrpd/witness/witness.h"

namespace hapair::vrrp {

class WitnessProbe {
 public:
  struct Surroundings {
    EventLoop& loop;
    Logger& log;
    std::string subsystem;
    std::function<void()> on_answer;
    std::function<void(WitnessFailed)> on_failure;
  };

  WitnessProbe(Surroundings around, WitnessConfig config);
  WitnessProbe(const WitnessProbe&) = delete;
  WitnessProbe& operator=(const WitnessProbe&) = delete;

  /// The line works: asks through it from now on. Called again, it goes on unless something
  /// changed.
  void start(const Interface& interface, const IpAddress& own);
  void stop();
  void look_closely(Duration window);

  [[nodiscard]] const WitnessConfig& config() const { return config_; }
  [[nodiscard]] const Witness& verdict() const { return witness_; }

 private:
  void on_turn();
  void ask();
  Status ask_neighbour();
  Status ask_tcp();
  void on_frame(ev::io& watcher, int events);
  void on_connected(ev::io& watcher, int events);
  void answered();
  Status open_neighbour();
  [[nodiscard]] std::vector<uint8_t> question() const;

  Surroundings around_;
  WitnessConfig config_;
  Witness witness_;
  bool running_ = false;
  Interface interface_;
  IpAddress own_;
  UniqueFd fd_;  // the packet socket, or the connection that is being tried
  ev::io watcher_;
  Deadline turn_;
  std::string trouble_;
};

}  // namespace hapair::vrrp
