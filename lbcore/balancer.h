// The running load balancer of one node: topology, workers, checks, sessions and the pair link, and
// the one function through which every change comes, be it start, reload or pairadm (DESIGN flow d,
// invariant 6). Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "common/schema/role.pb.h"
#include "lbcore/config.h"
#include "lbcore/door.h"
#include "lbcore/explain.h"
#include "lbcore/model/runtime_records.h"
#include "lbcore/model/spec.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_store.h"
#include "lbcore/upgrade/inheritance.h"

namespace hapair::lbcore {

class Balancer {
 public:
  /// A missing or bad pair key is logged and shown in status(); the balancer works on without
  /// replication.
  /// `inherited`: null, or what an old process gives away. It takes the sockets and what is known
  /// of servers from there, and serves nobody before take_over().
  Balancer(EventLoop& loop, Logger& log, const Settings& settings,
           upgrade::Inheritance* inherited = nullptr);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Replaces what runs by `spec`. Nothing that did not change is touched: no connection, listener,
  /// check result, counter or session. On an error (a port in use, ...) everything stays as it was.
  /// The first call only fails for an invalid spec: a service whose address is taken is then in
  /// trouble, shown and retried, and the others serve.
  Status apply(const Spec& spec);
  [[nodiscard]] const Spec& spec() const;
  /// Of the file that was applied last; shown in status().
  /// Reads the pair's keys again; those of before stay when it cannot.
  void reload_keys(const std::string& path);
  void set_config_hash(uint64_t hash);

  // ---- Runtime changes (DESIGN invariant 11)
  /// The configuration file as it was last taken: after each apply() of a start or a reload. What
  /// runs besides is the pair's runtime changes; `first`: those of a process that knows nothing
  /// else yet, and takes what the peer has.
  void set_file(const Spec& file, bool first = false);
  /// As apply(), for a change by pairadm: the peer gets it as well.
  Status change(const Spec& spec);
  /// Where a change by pairadm is to be made.
  [[nodiscard]] Door door() const;
  /// Bytes of a control::Request to the peer; `done` later, with bytes of its control::Reply.
  void ask_peer(const std::string& from, std::string request, Duration patience,
                std::function<void(Result<std::string> reply)> done);
  /// Such requests of the peer; `respond` with the bytes of the reply.
  using Respond = std::function<void(std::string reply)>;
  void on_question(
      std::function<void(const std::string& from, const std::string& request, Respond respond)>
          answer);
  [[nodiscard]] control::Differences differences() const;
  /// Status pages and access log as these settings have them.
  void show(const Settings& settings);
  void reopen_access_log();

  /// vrrpd's word about this node; an empty list when vrrpd is not connected.
  void set_roles(std::vector<role::Router> routers, bool vrrpd_connected);
  /// What vrrpd says of a handover, with every message; null: it is gone.
  void hear_handover(const role::NodeRole* said);
  [[nodiscard]] bool active() const;  // Active in at least one router

  /// What vrrpd is told, and what status shows.
  [[nodiscard]] role::Serving serving() const;
  /// Calls `send` with every message for vrrpd: a renewal each quarter of the lease while all
  /// workers turn, and at once what changed.
  void on_serving(std::function<void(const role::Serving&)> send);

  [[nodiscard]] control::NodeStatus status() const;
  /// `latency`: with figures of the histograms.
  [[nodiscard]] control::Listing listing(bool latency) const;
  /// See zero_counters() of report.h.
  bool zero_counters(const ListenKey* only);
  /// See explain.h.
  [[nodiscard]] tl::expected<control::Explanation, ExplainError> explain(
      const control::ExplainRequest& request) const;
  /// Every open connection, or those of one service, in pages until `on_page` returns false or has
  /// had the last one. False: another list is under way.
  bool list_connections(std::optional<ListenKey> only,
                        std::function<bool(control::ConnectionPage page)> on_page);

  // ---- An upgrade, the new process: apply(), sessions, then
  /// Whether it could serve at once: its threads turn and every server's state is known.
  [[nodiscard]] bool may_take_over() const;
  void take_over();
  /// What the old process knew of runtime changes; what is to run then.
  Spec inherit_records(const std::vector<RuntimeRecord>& records, const Spec& file);

  // ---- An upgrade, the old process
  [[nodiscard]] const Topology& topology() const;
  [[nodiscard]] std::vector<RuntimeRecord> runtime_records() const;
  Registry& registry();
  sticky::SessionStore& sessions();
  /// Further descriptors of the listening sockets of all services; `done` on the main thread.
  using Listeners = std::map<ListenKey, std::vector<UniqueFd>>;
  void share_listeners(std::function<void(Result<Listeners> shared)> done);
  [[nodiscard]] int status_listener() const;  // or -1
  [[nodiscard]] int pair_listener() const;    // or -1
  /// Sees every change of the sessions from now on; null: no more.
  void watch_sessions(std::function<void(const sticky::SessionStore::Changes&)> watch);
  /// The pair link is the new process's now, or ours again.
  void leave_pair_link();
  void return_to_pair_link();
  /// Another process serves: no checks, nothing is accepted any more. Returns from EventLoop::run
  /// when the last connection has ended, after `patience` at the latest.
  void retire(Duration patience);
  [[nodiscard]] size_t open_connections() const;

  /// Tells vrrpd to move the VIPs, stops accepting once they are gone, gives open connections until
  /// `deadline`, then returns from EventLoop::run. A second call shortens the deadline.
  void shut_down(Duration deadline);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hapair::lbcore
