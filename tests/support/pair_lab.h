// A whole installation in network namespaces, for tests of the real programs:
//
//        client 10.0.0.10          observer 10.0.0.11     (any address of 10.1.0.0/16 is the
//        client's as well)
//             |                          |
//   ----------+--- LAN 10.0.0.0/24 ------+---------------   VIP 10.0.0.100
//        | eth0 .1                | eth0 .2
//      [lb1]--- eth2 --- pair 10.255.0.0/24 --- eth2 ---[lb2]
//        | eth1 .1                | eth1 .2
//   -----+--- servers 10.0.1.0/24 +----------------------   10.0.1.11, .12, ... port 8080
//             |        |        |
//            s1       s2       s3
//
// With `ipv6` the LAN has 2001:db8::/64 as well (the same last numbers: lb1 is 2001:db8::1) and a
// second router [vrrp six] holds 2001:db8::100 and fe80::100.
//
// Both nodes read one identical hapair.conf and run with --node and --run-dir of their own.
// tools/lab/lab builds the same picture under fixed names for people.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/clock.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/prober.h"
#include "tests/support/process.h"
#include "tests/support/switch.h"

namespace hapair::test {

class PairLab {
 public:
  static constexpr const char* kVip = "10.0.0.100";
  static constexpr const char* kVipSix = "2001:db8::100";
  static constexpr uint16_t kServicePort = 80;
  static constexpr uint16_t kServerPort = 8080;

  struct Options {
    Duration advert_interval = 100ms;
    int servers = 3;
    int priority_lb1 = 150;
    int priority_lb2 = 100;
    bool preempt = false;
    bool unicast = false;
    bool foreign_peer = false;  // one of the nodes runs another VRRP: nothing is authenticated
    bool ipv6 = false;
    Duration boot_hold = 500ms;
    // Without one of the daemons its sections stay out of the file (the pair link stays).
    bool with_vrrpd = true;
    bool with_lbcore = true;
    bool with_servers = true;  // start an origin in every server's namespace
    // More lines of the sections [vrrp main], [lbcore] and [pool web], and whole sections behind
    // everything.
    std::string vrrp = {};
    std::string lbcore = "workers = 2\n";
    std::string pool =
        "scheduler = rr\n"
        "sticky = source/32 10m\n"
        "check = http GET /health expect 200-399 interval 200ms timeout 200ms fall 2 rise 1\n";
    std::string more = {};
  };

  /// Two vrrpd and nothing behind them.
  [[nodiscard]] static Options only_vrrpd(Duration interval);

  /// Builds the networks and writes the configuration; starts nothing but servers and UDP
  /// responders.
  explicit PairLab(Options options);
  ~PairLab();  // on a failed test the logs of all daemons are printed
  PairLab(const PairLab&) = delete;
  PairLab& operator=(const PairLab&) = delete;

  struct Node {
    std::string name;
    std::string run_dir;
    Namespace inside;
    std::optional<Process> vrrpd = {};
    std::optional<Process> lbcore = {};
    std::unique_ptr<Responder> responder = {};
    std::unique_ptr<Responder> responder_six = {};
  };

  /// Starts what the options ask for on both nodes, or on one.
  void start();
  void start(std::string_view node);
  /// lb1 is Active and lb2 its Backup afterwards; a failure says which is not.
  [[nodiscard]] ::testing::AssertionResult start_in_order();
  void start_vrrpd(std::string_view node);
  void start_lbcore(std::string_view node);
  /// SIGKILL for everything on a node, as a power cut would.
  void kill_all(std::string_view node);

  [[nodiscard]] Node& node(std::string_view name);
  [[nodiscard]] static std::string other(std::string_view name) {
    return name == "lb1" ? "lb2" : "lb1";
  }
  [[nodiscard]] Namespace& client() { return client_; }
  [[nodiscard]] Namespace& observer() { return observer_; }
  [[nodiscard]] Namespace& server(int number) {
    return servers_.at(static_cast<size_t>(number) - 1);
  }
  [[nodiscard]] Process& origin(int number) {
    return *origins_.at(static_cast<size_t>(number) - 1);
  }
  void start_origin(int number);

  /// Nodes that carry the VIP right now, by the kernel's word.
  [[nodiscard]] std::vector<std::string> holders(std::string_view vip = kVip) const;
  /// The one holder, or "" when there is none or more than one.
  [[nodiscard]] std::string active_node(std::string_view vip = kVip) const;
  /// Waits until `node` (empty: any) is the only holder.
  [[nodiscard]] ::testing::AssertionResult wait_active(std::string_view node, Duration within,
                                                       std::string_view vip = kVip);

  /// `carrier`: all cables of the node are pulled, it notices. `silent`: its switch ports are dead,
  /// it does not.
  enum class How : uint8_t { carrier, silent };
  void lose_node(std::string_view node, How how);
  void return_node(std::string_view node, How how);
  [[nodiscard]] Switch& lan() { return lan_; }
  [[nodiscard]] Switch& pair_link() { return pair_link_; }
  [[nodiscard]] Switch& server_net() { return server_net_; }

  /// Runs pairadm on a node.
  Finished pairadm(std::string_view node, std::vector<std::string> arguments,
                   std::string input = {});
  /// An ArpProber on the observer that names the nodes.
  [[nodiscard]] std::unique_ptr<ArpProber> watch_vip(Duration interval = 1ms);

  [[nodiscard]] const std::string& config_path() const { return config_path_; }
  /// The text of hapair.conf as written; tests that reload change it and write_config() it again.
  [[nodiscard]] const std::string& config() const { return config_; }
  void write_config(std::string text);
  /// All that the daemons and servers have written, for failure messages.
  [[nodiscard]] std::string logs() const;

 private:
  [[nodiscard]] std::string compose_config() const;

  Options options_;
  TempDir dir_;
  std::string config_path_;
  std::string config_;
  Switch lan_{"lan"};
  Switch server_net_{"servers"};
  Switch pair_link_{"pair"};
  Namespace client_{"client"};
  Namespace observer_{"observer"};
  Node lb1_;
  Node lb2_;
  std::vector<Namespace> servers_;
  std::vector<std::optional<Process>> origins_;
  std::vector<std::string> ended_logs_;  // of daemons that were started again
};

}  // namespace hapair::test
