// The child process that speaks VRRP: every router of the configuration on one event loop, which
// never blocks.
//
// Parsing a new configuration is left to a thread; the log to the logger's. The guardian's end of
// the channel closing means that the guardian is dead: the speaker releases everything and exits,
// for nobody would clean up after it. Called by `guardian` right after fork().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/config/config.h"
#include "vrrpd/election/handover.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/guardian/testament.pb.h"
#include "vrrpd/hooks/hook_feed.h"
#include "vrrpd/kernel/link_monitor.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/operate/demotion.h"
#include "vrrpd/operate/demotion_keeper.h"
#include "vrrpd/operate/event_stream.h"
#include "vrrpd/operate/operating.h"
#include "vrrpd/options.h"
#include "vrrpd/pair_path/pair_path.h"
#include "vrrpd/speaker/config_reader.h"
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
          SharedState& shared, Operating& operating);
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  void run();  // until told to stop; afterwards no VIP is left

 private:
  void open_control();
  void remove_leftovers();
  [[nodiscard]] std::optional<uint32_t> free_cell(const testament::Testament& left) const;
  void show_lbcore(Instance& instance) const;
  void add_router(const RouterConfig& config, const testament::Testament& left = {});
  void on_link_change();
  void on_address_removed(int interface, const IpAddress& ip);
  void on_lbcore_change();
  void on_channel(ev::io& watcher, int events);
  void on_tick();
  void on_turn(ev::prepare& watcher, int events);
  void on_request(ControlConnection& from, std::string_view payload);
  void stop(const std::string& reason);

  // The pair path: speaker_pair.cc.
  static uint64_t first_epoch(const Board& board);
  void open_pair_path(const DaemonConfig& config);
  void take_keys(const DaemonConfig& config);
  [[nodiscard]] OwnView own_view() const;
  [[nodiscard]] std::string why_peer_cannot_take(const std::string& router) const;
  /// Asks the other node to hand `router`, or all it has, over to us. `done` is called once, now or
  /// later: whether it has begun, or why it has not.
  void ask_for_handover(const std::string& router, bool all,
                        const std::function<void(const Status&)>& done);
  Status hand_over_to_peer(uint32_t id, bool all);
  void write(control::PairPath& out) const;

  Result<DaemonConfig> read();
  void apply(const Result<DaemonConfig>& loaded);

  // A handover without loss: speaker_handover.cc.
  /// Hands `routers` and those of their groups over, all at once.
  Status hand_over(const std::vector<std::string>& routers, const std::string& reason);
  [[nodiscard]] Status may_resign(const std::vector<std::string>& routers) const;
  [[nodiscard]] Status may_hand_over(const std::vector<std::string>& routers) const;
  [[nodiscard]] std::vector<std::string> with_their_groups(std::vector<std::string> routers) const;
  [[nodiscard]] Handover::Routers routers_now() const;
  void on_handover_word(const role::Handover* word);
  void on_role_change();
  void carry_out(Handover::Orders orders);
  void tell_handover();
  void write(control::HandoverReport& out) const;

  // What pairadm asks: speaker_requests.cc.
  struct HandoverJob;
  void answer(ControlConnection::Id asker, const control::Reply& reply);
  [[nodiscard]] control::Reply status() const;
  void write_hooks(const Instance& router, control::VrrpRouter& out) const;
  void on_handover(ControlConnection& from, const control::HandoverRequest& request);
  void next_handover(const std::shared_ptr<HandoverJob>& job);
  void on_demote(ControlConnection& from, const control::DemoteRequest& request);
  void on_restore(ControlConnection& from, const control::RestoreRequest& request);
  void on_check_config(ControlConnection& from, const control::CheckConfig& request);
  void on_checked(const Result<DaemonConfig>& checked);
  void apply_demotion();
  void keep_demotion(ControlConnection::Id asker);
  void tell_operation(const std::string& router, const std::string& what);

  // Hooks, track scripts, events: speaker_operate.cc.
  void on_notify(const Instance& router, const Notify& what, bool stop);
  void post_hook(const Instance& router, const Notify& what, bool stop);
  void on_hook(const HookFeed::Happened& happened);
  void on_script(const std::string& script, const HookFeed::Verdict& verdict);
  void apply_scripts(Instance& router);
  void tell_lbcore();
  void tell_pair();
  void tell_config(const std::string& what);

  void publish();
  void tell_guardian(std::string_view message);
  void tell_guardian(const DaemonConfig& config);
  void tell_role();
  [[nodiscard]] std::string status_line() const;

  Logger& log_;
  Options options_;
  std::string node_;
  SharedState& shared_;
  Operating& operating_;
  const UniqueFd& channel_;  // open as long as the process lives
  EventLoop loop_;
  TimePoint started_;
  NetlinkAddress kernel_;
  NetlinkRoute routes_;
  Macvlan macvlans_;
  Life life_;
  std::optional<SigningKeys> keys_;
  std::unique_ptr<PairPath> pair_;                              // none without [pair] and its key
  std::map<std::string, std::unique_ptr<Instance>> instances_;  // by name
  Groups groups_{loop_, instances_};
  std::string published_;
  std::string told_;  // the last status that the guardian has
  std::vector<TrackScript> scripts_;
  std::optional<Demotion> demotion_;
  Handover handover_;
  std::deque<Handover::Order> handover_orders_;
  bool carrying_out_ = false;
  uint64_t handover_told_ = 0;  // number of the last one whose end was told
  uint64_t handover_number_ = 0;
  std::string told_of_lbcore_;
  bool told_of_peer_ = false;  // that it is heard on the pair path
  bool stopping_ = false;

  LinkMonitor links_;
  RouteWatch route_watch_;
  RoleLink lbcore_;
  HookFeed hooks_;
  ControlServer control_;
  RateLimit control_lines_{1, 60s};
  EventStream events_;
  DemotionKeeper keeper_;
  Ticker tick_;
  Deadline handover_due_;
  Deadline lbcore_grace_;  // until lbcore had time to speak to a speaker that goes on
  SignalWatcher terminate_;
  SignalWatcher interrupt_;
  SignalWatcher hang_up_;
  ev::io channel_watcher_;
  ev::prepare turn_;
  std::optional<ControlConnection::Id> check_asker_;  // whose file is being checked
  std::string check_path_;
  ConfigReader checker_;  // last: their threads end first
  ConfigReader reader_;
};

}  // namespace hapair::vrrp
