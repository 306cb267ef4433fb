// One [vrrp NAME] at work: its state machine, its socket, its timer. Turns datagrams, link changes
// and lbcore's word into events, and actions into system calls, in the order in which the state
// machine gave them.
//
// A failed action comes back as an event after the rest of its list was dropped; events that arise
// while actions run wait their turn. Owned by `speaker`; everything runs on its loop.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/schema/control.pb.h"
#include "common/schema/role.pb.h"
#include "vrrpd/config/config.h"
#include "vrrpd/election/fsm.h"
#include "vrrpd/election/serving_lease.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/guardian/testament.pb.h"
#include "vrrpd/holding/install_plan.h"
#include "vrrpd/kernel/adv_socket.h"
#include "vrrpd/kernel/announcer.h"
#include "vrrpd/kernel/link_monitor.h"
#include "vrrpd/kernel/macvlan.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/kernel/netlink_route.h"
#include "vrrpd/pair_path/pair_path.h"
#include "vrrpd/track/effective_priority.h"
#include "vrrpd/track/link_debounce.h"
#include "vrrpd/wire/authentic.h"
#include "vrrpd/witness/probe.h"

namespace hapair::vrrp {

class Instance {
 public:
  struct Surroundings {
    EventLoop& loop;
    Logger& log;
    NetlinkAddress& kernel;
    NetlinkRoute& routes;
    RouterCell& cell;  // in the memory shared with the guardian
    uint32_t cell_number = 0;
    Macvlan& macvlans;
    std::function<void()>
        on_testament;               // called before addresses are added and after a change of role
    std::function<void()> on_role;  // role, reason or addresses changed
    // The role, or (from == to) its reason, changed. `stop`: the router was told to stop.
    std::function<void(const Notify&, bool stop)> on_notify = {};
    std::function<std::string()> group_holds = {};  // why a takeover waits for the router's group
    std::function<void(const std::string& what)> on_peer = {};  // something new of the other router
    Life& life;                                                 // numbers what is signed
    const std::optional<SigningKeys>& keys;                     // the speaker's; may change
    PairPath* pair = nullptr;                                   // none without [pair] and its key
  };

  Instance(Surroundings around, RouterConfig config);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void start();
  /// Instead of start(): goes on where an earlier speaker stopped, Active or Backup. False when
  /// that cannot be; then start().
  [[nodiscard]] bool resume(const testament::Router& left);
  /// Releases and resigns when Active.
  void stop(const std::string& reason);
  void on_link(const LinkMonitor& monitor);
  void on_address_removed(int interface, const IpAddress& ip);
  void on_route_removed();
  /// Those that the kernel refused; call twice a second.
  void retry_routes();
  void on_lbcore(const ServingLease& lease);
  /// A tracked interface or script has a verdict, or another one.
  void on_tracked(const std::string& name, Tracked::Thing thing);
  /// Why an operator keeps the node out; "": he does not any more.
  void on_demotion(const std::string& why);
  /// Leaves the role to the other node, without preempting it back; take_back() ends that.
  void hand_over(const std::string& reason);
  void take_back();
  /// Only what `keep` holds for is tracked from now on.
  void forget_tracked(const std::function<bool(const std::string& name)>& keep);
  /// Another router of its group has moved, or is in trouble.
  void on_group(const Event& event) { feed(event); }
  /// Reads the advertisements that wait in the socket.
  void hear_what_waits();
  /// `config` must be the same router. The VIPs that stay are not touched.
  void reconfigure(RouterConfig config);

  // The pair path and the witness: instance_pair.cc.
  void on_pair_word(const PairWord& word);
  void on_pair_silent();
  void on_peer_resigned(const std::string& node);
  /// The peer does not hear us on the LAN.
  void on_peer_asks();
  void write(RouterWord& out) const;

  [[nodiscard]] const RouterConfig& config() const { return config_; }
  [[nodiscard]] Role role() const { return fsm_.role(); }
  [[nodiscard]] const std::string& reason() const { return fsm_.reason(); }
  [[nodiscard]] const Fsm& fsm() const { return fsm_; }
  /// Backup, and all VIPs that the peer hands over are here.
  [[nodiscard]] bool adopted() const { return fsm_.adopting() && install_.done(); }
  /// An event of a handover without loss.
  void on_handover(const Event& event) { feed(event); }
  [[nodiscard]] bool leaving() const { return stopping_; }  // told to stop
  /// Active, or with VIPs on the interface still.
  [[nodiscard]] bool holds() const { return role() == Role::active || !installed_.empty(); }
  [[nodiscard]] uint32_t cell_number() const { return around_.cell_number; }
  [[nodiscard]] const std::vector<Prefix>& installed() const { return installed_; }
  void write(testament::Router& out) const;
  void write(role::Router& out) const;
  void write(control::VrrpRouter& out) const;

 private:
  void feed(const Event& event);
  void execute(const Actions& actions);

  // One function per action; the error leads to ActionFailed.
  Status execute(const SendAdvertisement& action);
  Status execute(const AddAddresses& action);
  Status execute(const RemoveAddresses& action);
  Status execute(const Announce& action);
  Status execute(const ArmDeadline& action);
  Status execute(const DisarmDeadline& action);
  Status execute(const AskWitness& action);  // instance_pair.cc
  Status execute(const Notify& action);

  // The VIPs: instance_addresses.cc.
  Status install_some();
  void on_install_turn();
  void reinstate();
  void change_addresses();

  // Virtual routes: instance_routes.cc.
  void write_last_will(testament::Frame& out) const;
  void add_routes();
  void remove_routes(const std::vector<VirtualRoute>& routes);
  void change_routes(const RouterConfig& before);
  [[nodiscard]] std::vector<VirtualRoute> routes_to_hold() const;
  [[nodiscard]] static std::vector<VirtualRoute> routes_to_remove(const RouterConfig& config);

  // The virtual MAC address, if any: instance_mac.cc.
  [[nodiscard]] int vip_interface() const;
  [[nodiscard]] const std::string& vip_interface_name() const;
  [[nodiscard]] MacAddress vip_mac() const;
  Status prepare_mac(bool up);
  Status raise_mac(bool up);
  void forget_mac();
  void remove_mac();

  // Interfaces: instance_links.cc.
  void see_links(const LinkMonitor& monitor);
  void forget_links();
  [[nodiscard]] std::vector<Prefix> plan_addresses() const;

  // instance_pair.cc.
  void use_witness();
  void arm_look();
  void on_look();
  void look_around();
  [[nodiscard]] bool authenticated() const { return config_.authenticated && around_.keys; }
  [[nodiscard]] tl::expected<Datagram, RefuseReason> unseal(const Datagram& datagram);
  [[nodiscard]] std::vector<uint8_t> sealed(std::vector<uint8_t> message, const Stamp& stamp) const;

  void on_readable(ev::io& watcher, int events);
  void on_deadline();
  void hear(const Datagram& datagram);
  void refuse(const std::string& sender, RefuseReason reason);
  void check_agreement(const Received& received);
  bool open_socket();
  void close_socket();
  [[nodiscard]] std::string link_trouble(const Interface* found);
  [[nodiscard]] std::string hint(RefuseReason reason) const;
  [[nodiscard]] std::vector<uint8_t> advertisement(uint8_t priority) const;
  [[nodiscard]] Envelope envelope() const;
  [[nodiscard]] std::string about_peer() const;
  void apply_tracked();
  void tell_of_peer(const Heard& heard);
  void write_operating(control::VrrpRouter& out) const;

  Surroundings around_;
  RouterConfig config_;
  std::string subsystem_;  // "vrrp main"
  Fsm fsm_;
  Tracked tracked_;
  Deadline deadline_;
  Announcer announcer_;
  Deadline install_turn_;
  Deadline link_due_;

  const LinkMonitor* monitor_ = nullptr;  // once it has spoken
  std::map<std::string, LinkDebounce> links_;
  Interface interface_;  // as last seen; index 0: none
  std::optional<AdvSocket> socket_;
  ev::io watcher_;
  int mac_interface_ = 0;  // index of the one that carries the virtual MAC; 0: none
  bool mac_up_ = false;
  bool routes_refused_ = false;
  std::optional<AdvSocket> mac_socket_;
  ev::io mac_watcher_;
  std::vector<Prefix> installed_;  // or about to be
  bool resumed_ = false;           // by an earlier speaker, perhaps of another configuration
  InstallPlan install_;
  ChecksumForm form_ = ChecksumForm::pseudo_header;

  bool stopping_ = false;
  std::unique_ptr<WitnessProbe> witness_;
  Deadline look_;
  bool asking_ = false;     // an advertisement is missing
  bool resigning_ = false;  // while the resign is said on the pair path
  ReplayWindow window_;     // of authenticated advertisements
  Stamp offered_;           // of the one being looked at

  std::deque<Event> pending_;
  bool stepping_ = false;
  int sends_failed_ = 0;  // in a row

  // For people.
  uint64_t transitions_ = 0;
  std::array<uint64_t, kRefuseReasons> refused_{};
  struct Past {
    std::string line;
    TimePoint at;
  };
  std::deque<Past> history_;
  RateLimit refusal_lines_{5, 10s};
  RateLimit disagreement_lines_{1, 60s};
  RateLimit failure_lines_{1, 10s};
};

}  // namespace hapair::vrrp
