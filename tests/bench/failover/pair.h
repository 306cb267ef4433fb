// Two nodes of one contender, and a client that asks the VIP all the time:
//
//   client, observer ---+--- LAN ---+--- lb1, lb2 --- a second network between the two
//
// lb1 is Active when the constructor returns, lb2 has heard it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/prober.h"
#include "tests/support/process.h"
#include "tests/support/supervisor.h"
#include "tests/support/switch.h"

namespace hapair::test::bench {

/// What runs on both nodes.
enum class Contender : uint8_t {
  keepalived,  // multicast, VRRPv3
  vrrpd,       // the same: vrrpd in the place of keepalived, nothing shared but the LAN
  pair  // two nodes of a [pair]: second path, authenticated; with lbcore where a fault needs it
};

struct Setup {
  Contender contender = Contender::keepalived;
  Duration interval = 1s;
  bool supervised = false;  // lb1's daemon runs under a systemd of its own
  bool with_lbcore = false;
};

class Pair {
 public:
  static constexpr const char* kVip = "10.0.0.100";

  /// Throws std::runtime_error when lb1 does not become Active or the client cannot reach it.
  explicit Pair(const Setup& setup);

  struct Node {
    std::string name;
    int priority = 100;
    Namespace inside;
    std::unique_ptr<Responder> responder = {};
    std::unique_ptr<Supervisor> supervisor = {};
    std::unique_ptr<Process> daemon = {};
    std::unique_ptr<Process> lbcore = {};
  };

  [[nodiscard]] const Setup& setup() const { return setup_; }
  [[nodiscard]] Node& lb1() { return lb1_; }
  [[nodiscard]] Node& lb2() { return lb2_; }
  /// Everything of the VRRP daemon on a node, parents first.
  [[nodiscard]] std::vector<int> processes(Node& node) const;
  /// Both networks of a node: its ports forget it, its carrier stays.
  void set_reachable(Node& node, bool on);
  void set_cable(Node& node, bool plugged);
  [[nodiscard]] const ProbeLog& client_log() const { return client_prober_->log(); }
  [[nodiscard]] const ProbeLog& tcp_log() const { return tcp_prober_->log(); }
  [[nodiscard]] const ProbeLog& arp_log() const { return arp_prober_->log(); }

 private:
  void start(Node& node);
  void start_keepalived(Node& node);
  void start_vrrpd(Node& node);

  Setup setup_;
  TempDir dir_;
  Switch lan_{"lan"};
  Switch second_{"second"};
  Namespace client_{"client"};
  Namespace observer_{"observer"};
  Node lb1_{.name = "lb1", .priority = 150, .inside = Namespace("lb1")};
  Node lb2_{.name = "lb2", .priority = 100, .inside = Namespace("lb2")};
  std::unique_ptr<UdpProber> client_prober_;
  std::unique_ptr<TcpProber> tcp_prober_;
  std::unique_ptr<ArpProber> arp_prober_;
};

/// Lets time pass; a bench has nothing to poll for while the client counts.
void wait_until(TimePoint when);

}  // namespace hapair::test::bench
