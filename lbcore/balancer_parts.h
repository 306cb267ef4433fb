// What a Balancer is made of, for its own files only: balancer.cc (changes and serving),
// balancer_sessions.cc (sessions, roles and the pair), balancer_runtime.cc (runtime changes),
// balancer_reports.cc (what people and
// programs are told) and balancer_end.cc (an upgrade, and the end). Everything runs on the main
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/pair_key.h"
#include "common/unique_fd.h"
#include "lbcore/balancer.h"
#include "lbcore/handover/handover.h"
#include "lbcore/handover/pool_connections.h"
#include "lbcore/health/monitor.h"
#include "lbcore/health/passive.h"
#include "lbcore/health/pool_health.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/observe/access_log.h"
#include "lbcore/observe/pages.h"
#include "lbcore/observe/status_listener.h"
#include "lbcore/orphans/orphans.h"
#include "lbcore/relay/worker_pool.h"
#include "lbcore/replicate/rate_lane.h"
#include "lbcore/replicate/replicator.h"
#include "lbcore/replicate/runtime_lane.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore {

struct Balancer::Parts {
  Parts(EventLoop& event_loop, Logger& logger, Settings given, upgrade::Inheritance* inherited);

  // Changes
  enum class PortsInUse : uint8_t { refuse, tolerate };
  Status apply(const Spec& next, PortsInUse ports = PortsInUse::refuse);
  using Trouble = std::map<ListenKey, std::string>;
  Result<Trouble> open_new(const Spec& next, PortsInUse ports, relay::WorkerPool::Opened& opened);
  void publish(relay::WorkerPool::Opened opened, const Trouble& trouble);
  void retry_trouble();

  // Serving
  [[nodiscard]] std::string not_serving_reason() const;
  [[nodiscard]] role::Serving serving() const;
  void send_serving();
  void send_if_changed();
  void beat();
  void wait_for_first_checks();
  void look_at_pools_soon();

  // Sessions and the pair
  std::optional<PairKeys> load_keys();
  void reload_keys(const std::string& path);
  [[nodiscard]] relay::LongLived::Tell tell_connections();
  void hold_addresses();
  void start_replication(UniqueFd listener = {});
  void on_session_changes();
  void note_gone_servers(const Topology& before);
  void forget_gone_servers();
  [[nodiscard]] bool active() const;
  [[nodiscard]] bool owns_sessions() const;
  void set_roles(std::vector<role::Router> next, bool connected);
  void hear_handover(const role::NodeRole* said);
  [[nodiscard]] control::Sync sync() const;

  // Runtime changes
  Status change(const Spec& next);
  void set_file(const Spec& next, bool first);
  void note_changes();
  void take_records();
  [[nodiscard]] const replicate::Replicator::PeerStatus* fresh_peer() const;
  void compare_configs();
  void take_hints();
  void share_rate_debts();
  [[nodiscard]] bool peer_active() const;
  [[nodiscard]] bool in_sync() const;
  [[nodiscard]] Door door() const;
  void ask_peer(const std::string& from, std::string request, Duration patience,
                std::function<void(Result<std::string> reply)> done);
  void answer(uint64_t number, const std::string& from, const std::string& request);
  [[nodiscard]] replicate::RuntimeLane::Hooks runtime_hooks();

  // Reports
  [[nodiscard]] control::NodeStatus own_status() const;
  [[nodiscard]] control::NodeStatus status_without_services() const;
  void show();
  [[nodiscard]] observe::Source status_source();
  [[nodiscard]] std::string hung() const;

  // Upgrade
  void inherit_servers();
  [[nodiscard]] Status inherit_sockets(const ListenKey& key, relay::WorkerPool::Opened& opened);
  void take_over();
  void retire(Duration patience);

  void shut_down(Duration patience);
  void drain();

  EventLoop& loop;
  Logger& log;
  Settings settings;
  TimePoint started;
  std::string replication_trouble;
  std::optional<PairKeys> pair_keys;  // without any there is no replication
  Registry registry;
  sticky::SessionStore sessions;
  health::Monitor monitor;
  observe::AccessLog access_log;  // before the workers: they write to it to the end
  health::PoolHealth pool_health;
  health::Passive passive;
  std::optional<orphans::Orphans> orphans;  // with a peer
  relay::WorkerPool workers;
  Spec file;
  RuntimeRecords records;
  replicate::RuntimeLane runtime;
  replicate::RateLane rates;
  std::function<void(const std::string&, const std::string&, Respond)> on_question;
  std::string runtime_trouble;  // why the pair's runtime changes do not run here
  bool configs_differ = false;  // as last logged
  uint32_t differences = 0;     // between the file and what runs
  handover::PoolConnections connections;
  handover::Handover handover;
  std::unique_ptr<replicate::Replicator> replicator;

  Spec spec;
  std::shared_ptr<const Topology> topology;  // null before the first apply

  /// Servers that were taken out of their pools, whose sessions are on their way out. The owner's
  /// business alone, like expiry: the other node hears of it.
  struct Gone {
    PoolId pool = 0;
    ServerId server = 0;
    size_t cursor = 0;
  };
  std::vector<Gone> gone;

  std::vector<role::Router> routers;
  TimePoint routers_told{};  // what they say of durations was true then
  bool vrrpd_connected = false;
  bool owned_sessions = false;

  std::function<void(const role::Serving&)> send = [](const role::Serving&) {};
  std::string last_sent;
  bool checks_settled = false;
  bool look_at_pools_due = false;

  /// From the construction of a new process to its take_over().
  struct Inherited {
    std::map<ListenKey, std::vector<UniqueFd>> listeners;
    std::map<std::pair<std::string, Endpoint>, upgrade::Inheritance::ServerHealth> servers;
    UniqueFd status;
    UniqueFd pair;
    relay::WorkerPool::Opened opened;
  };
  std::optional<Inherited> inherited;
  bool turned = false;   // every worker's loop has, once
  bool retired = false;  // another process serves
  std::function<void(const sticky::SessionStore::Changes&)> watch_sessions;

  bool stopping = false;
  bool accepting = true;
  TimePoint handover_until;
  TimePoint drain_until;

  Ticker beat_ticker;
  Ticker trouble_ticker;
  Ticker expire_ticker;
  Ticker rate_ticker;
  Ticker debt_ticker;
  std::optional<Ticker> settle_ticker;
  std::optional<Ticker> drain_ticker;
  observe::StatusListener status_listener;
};

}  // namespace hapair::lbcore
