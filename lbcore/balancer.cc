#include "lbcore/balancer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/pair_key.h"
#include "common/process.h"
#include "common/units.h"
#include "lbcore/health/monitor.h"
#include "lbcore/health/passive.h"
#include "lbcore/health/pool_health.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/observe/access_log.h"
#include "lbcore/observe/pages.h"
#include "lbcore/observe/status_listener.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker_pool.h"
#include "lbcore/replicate/replicator.h"
#include "lbcore/report.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore {

namespace {

constexpr Duration kTroubleRetry = 1s;
constexpr Duration kExpireInterval = 100ms;
constexpr Duration kSettleInterval = 10ms;
constexpr Duration kDrainInterval = 20ms;
constexpr Duration kHandoverPatience = 2s;  // for vrrpd to move the VIPs away when we stop

/// Whether this process has the rights that a Spec needs.
Status may_serve(const Spec& spec) {
  for (const PoolSpec& pool : spec.pools) {
    if (!pool.relay.transparent) continue;
    const auto may = relay::may_be_transparent();
    return may ? may : fail("pool {}: transparent: {}", pool.name, may.error().message);
  }
  return {};
}

}  // namespace

struct Balancer::Parts {
  Parts(EventLoop& event_loop, Logger& logger, Settings given, upgrade::Inheritance* inherited);

  // Changes
  Status apply(const Spec& next);
  using Trouble = std::map<ListenKey, std::string>;
  Result<Trouble> open_new(const Spec& next, relay::WorkerPool::Opened& opened);
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
  std::optional<PairKey> load_key();
  void start_replication(UniqueFd listener = {});
  void on_session_changes();
  void note_gone_servers(const Topology& before);
  void forget_gone_servers();
  [[nodiscard]] bool active() const;
  [[nodiscard]] bool owns_sessions() const;
  void set_roles(std::vector<role::Router> next, bool connected);
  [[nodiscard]] control::Sync sync() const;

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
  std::optional<PairKey> pair_key;  // without it there is no replication
  Registry registry;
  sticky::SessionStore sessions;
  health::Monitor monitor;
  observe::AccessLog access_log;  // before the workers: they write to it to the end
  health::PoolHealth pool_health;
  health::Passive passive;
  relay::WorkerPool workers;
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
  std::optional<Ticker> settle_ticker;
  std::optional<Ticker> drain_ticker;
  observe::StatusListener status_listener;
};

Balancer::Parts::Parts(EventLoop& event_loop, Logger& logger, Settings given,
                       upgrade::Inheritance* heirloom)
    : loop(event_loop),
      log(logger),
      settings(std::move(given)),
      started(loop.now()),
      pair_key(load_key()),
      sessions([this](ServerId id) { return registry.find(id); }, settings.max_sessions,
               [this] { loop.post([this] { on_session_changes(); }); }),
      monitor(loop, log, [this](const LiveServer&) { look_at_pools_soon(); }),
      access_log(log, settings.workers),
      pool_health(log),
      passive(loop, log),
      workers(log, sessions, settings.workers, raise_descriptor_limit(), &access_log),
      beat_ticker(loop, settings.serving_lease / 4, [this] { beat(); }),
      trouble_ticker(loop, kTroubleRetry, [this] { retry_trouble(); }),
      expire_ticker(loop, kExpireInterval,
                    [this] {
                      if (!owns_sessions()) return;
                      sessions.expire(loop.now());
                      forget_gone_servers();
                    }),
      rate_ticker(loop, RateMeter::kInterval,
                  [this] {
                    if (topology) sample_rates(*topology, loop.now());
                  }),
      status_listener(loop, log, [source = status_source()](std::string_view path) {
        return observe::page(source, path);
      }) {
  sessions.list_changes(pair_key.has_value());
  if (heirloom != nullptr) {
    inherited.emplace(Inherited{.listeners = std::move(heirloom->listeners),
                                .servers = std::move(heirloom->servers),
                                .status = std::move(heirloom->status),
                                .pair = std::move(heirloom->pair),
                                .opened = {}});
    access_log.configure(settings.observe.access_log);
  } else {
    show();
    start_replication();
  }
  // An old process that was Active knew how long the sessions were idle, and says it with them.
  owned_sessions = owns_sessions() || (heirloom != nullptr && heirloom->active);
}

// ---- Changes

Status Balancer::Parts::apply(const Spec& next) {
  if (auto valid = validate(next); !valid) return valid;
  if (auto may = may_serve(next); !may) return may;
  relay::WorkerPool::Opened opened;
  const auto trouble = open_new(next, opened);
  if (!trouble) return tl::unexpected(trouble.error());

  // Nothing can fail from here on.
  const bool first = topology == nullptr;
  if (!first) {
    for (const std::string& line : diff(spec, next).lines) log.info("change", "{}", line);
  }
  spec = next;
  const auto before = std::exchange(topology, registry.build(spec));
  if (before) note_gone_servers(*before);
  sessions.configure(*topology, loop.now());
  if (inherited) inherit_servers();
  publish(std::move(opened), *trouble);
  monitor.configure(*topology);
  passive.configure(topology);
  look_at_pools_soon();
  if (first) {
    settle_ticker.emplace(loop, kSettleInterval, [this] { wait_for_first_checks(); });
    workers.beat(loop.now());
  }
  send_if_changed();
  return {};
}

Result<Balancer::Parts::Trouble> Balancer::Parts::open_new(const Spec& next,
                                                           relay::WorkerPool::Opened& opened) {
  Trouble trouble;
  for (const ServiceSpec& service : next.services) {
    const ListenKey key{service.protocol, service.listen};
    if (workers.listens(key)) continue;
    const bool known = inherited ? inherited->listeners.contains(key)
                                 : spec.find_service(service.protocol, service.listen) != nullptr;
    const auto status =
        inherited ? inherit_sockets(key, opened) : workers.open(key, loop.now(), opened);
    if (status) continue;
    // What is wanted anew must work; what was in trouble before, or at start, may stay so.
    const bool tolerated = known || (topology == nullptr && !inherited);
    if (!tolerated) return fail("service {}: {}", service.name, status.error().message);
    trouble[key] = status.error().message;
  }
  return trouble;
}

void Balancer::Parts::publish(relay::WorkerPool::Opened opened, const Trouble& trouble) {
  for (const auto& service : topology->services) {
    const ListenKey key{service->spec.protocol, service->spec.listen};
    std::string& known = service->live->trouble;
    const auto found = trouble.find(key);
    const std::string now = found == trouble.end() ? std::string() : found->second;
    if (now == known) continue;
    if (now.empty()) {
      log.info("service", "{}: listens on {} {} at last", service->spec.name,
               name(service->spec.protocol), service->spec.listen.to_string());
    } else {
      log.environment("service", "{}: {}; tried again every {}", service->spec.name, now,
                      format_duration(kTroubleRetry));
    }
    known = now;
  }
  if (inherited) {
    inherited->opened = std::move(opened);
  } else {
    workers.publish(topology, std::move(opened), loop.now());
  }
}

void Balancer::Parts::retry_trouble() {
  if (!topology || stopping || inherited) return;
  const bool any = std::ranges::any_of(
      topology->services, [](const auto& service) { return !service->live->trouble.empty(); });
  if (!any) return;
  relay::WorkerPool::Opened opened;
  const auto trouble = open_new(spec, opened);
  if (!trouble) return;
  publish(std::move(opened), *trouble);
  send_if_changed();
}

// ---- Serving

std::string Balancer::Parts::not_serving_reason() const {
  if (stopping) return "stopping";
  if (!topology) return "starting";
  for (const auto& service : topology->services) {
    if (!service->live->trouble.empty()) {
      return fmt::format("service {}: {}", service->spec.name, service->live->trouble);
    }
  }
  if (std::string worker = hung(); !worker.empty()) return worker;
  if (!checks_settled) return "the first checks of the servers are running";
  return {};
}

role::Serving Balancer::Parts::serving() const {
  role::Serving out;
  out.set_reason(not_serving_reason());
  out.set_serving(out.reason().empty());
  out.set_lease_ms(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(settings.serving_lease).count()));
  out.set_in_sync(settings.pair ? replicator && replicator->synced() : true);
  out.set_sync_state(sync().state());
  return out;
}

void Balancer::Parts::send_serving() {
  const role::Serving message = serving();
  last_sent = message.SerializeAsString();
  send(message);
}

void Balancer::Parts::send_if_changed() {
  if (serving().SerializeAsString() != last_sent) send_serving();
}

void Balancer::Parts::beat() {
  // A lease that is not renewed runs out: that is the message while a worker is merely late.
  if (workers.beat(loop.now())) {
    turned = true;
    send_serving();
  } else {
    send_if_changed();
  }
}

void Balancer::Parts::wait_for_first_checks() {
  if (!monitor.settled()) return;
  checks_settled = true;
  look_at_pools_soon();
  log.info("health", "the first checks are done");
  send_if_changed();
  loop.defer([this] { settle_ticker.reset(); });
}

/// Once for all servers that change together. Before the first checks nothing is known to be down.
void Balancer::Parts::look_at_pools_soon() {
  if (std::exchange(look_at_pools_due, true)) return;
  loop.defer([this] {
    look_at_pools_due = false;
    if (checks_settled) pool_health.look(*topology);
  });
}

// ---- Sessions and the pair

std::optional<PairKey> Balancer::Parts::load_key() {
  if (!settings.pair) return std::nullopt;
  const auto key = load_pair_key(settings.pair->key_file);
  if (key) return *key;
  replication_trouble = key.error().message;
  log.environment("replication", "off, sessions stay on this node: {}", replication_trouble);
  return std::nullopt;
}

void Balancer::Parts::start_replication(UniqueFd listener) {
  if (!pair_key) return;
  replicator = std::make_unique<replicate::Replicator>(
      loop, log, *settings.pair, *pair_key, settings.config_hash, registry, sessions,
      replicate::Replicator::Hooks{.own_status = [this] { return own_status(); },
                                   .active = [this] { return owns_sessions(); },
                                   .on_state_change = [this] { send_if_changed(); },
                                   .on_changes =
                                       [this](const auto& changes) {
                                         if (watch_sessions) watch_sessions(changes);
                                       }},
      std::move(listener));
}

void Balancer::Parts::on_session_changes() {
  if (replicator) {
    replicator->flush();
  } else {
    const auto changes = sessions.take_changes();
    if (watch_sessions) watch_sessions(changes);
  }
}

void Balancer::Parts::note_gone_servers(const Topology& before) {
  const auto is_there = [&](PoolId pool, ServerId server) {
    return std::ranges::any_of(topology->pools, [&](const auto& each) {
      return each->id == pool && std::ranges::any_of(each->servers, [&](const Server& its) {
               return its.live->id == server;
             });
    });
  };
  std::erase_if(gone, [&](const Gone& each) { return is_there(each.pool, each.server); });
  if (!owns_sessions()) return;
  for (const auto& pool : before.pools) {
    for (const Server& server : pool->servers) {
      const ServerId id = server.live->id;
      if (server.live->sessions.load(std::memory_order_relaxed) > 0 && !is_there(pool->id, id))
        gone.push_back({.pool = pool->id, .server = id, .cursor = 0});
    }
  }
}

void Balancer::Parts::forget_gone_servers() {
  if (gone.empty()) return;
  Gone& first = gone.back();
  const auto next = sessions.forget_server(first.pool, first.server, loop.now(), first.cursor);
  if (next) {
    first.cursor = *next;
  } else {
    gone.pop_back();
  }
}

bool Balancer::Parts::active() const {
  return std::ranges::any_of(
      routers, [](const role::Router& router) { return router.state() == role::STATE_ACTIVE; });
}

bool Balancer::Parts::owns_sessions() const {
  return !retired && (active() || (!vrrpd_connected && !settings.pair));
}

void Balancer::Parts::set_roles(std::vector<role::Router> next, bool connected) {
  if (connected != vrrpd_connected) {
    log.info("role", "vrrpd {}", connected ? "is connected" : "is gone");
  }
  const bool was_active = active();
  routers = std::move(next);
  routers_told = loop.now();
  vrrpd_connected = connected;
  if (active() != was_active) {
    log.info("role", "{}", active() ? "this node is Active" : "this node is no longer Active");
  }
  const bool owns = owns_sessions();
  // A new owner does not know how long the sessions were idle at the old one.
  if (owns && !owned_sessions) sessions.restart_timeouts(loop.now());
  owned_sessions = owns;
}

control::Sync Balancer::Parts::sync() const {
  if (replicator) return replicator->sync();
  control::Sync out;
  out.set_sessions(sessions.size());
  if (!settings.pair) {
    out.set_state("alone");
    return out;
  }
  out.set_state("disconnected");
  out.set_peer(fmt::format("{} {}", settings.pair->peer, settings.pair->other.to_string()));
  out.set_detail(replication_trouble);
  return out;
}

// ---- Reports

control::NodeStatus Balancer::Parts::own_status() const {
  control::NodeStatus out = status_without_services();
  if (topology) {
    for (const auto& service : topology->services) {
      *out.add_services() = describe(*service, sessions, loop.now());
    }
  }
  return out;
}

control::NodeStatus Balancer::Parts::status_without_services() const {
  control::NodeStatus out;
  out.set_node(settings.node);
  out.set_vrrpd_connected(vrrpd_connected);
  const auto since_told = static_cast<uint64_t>((loop.now() - routers_told) / 1ms);
  for (const role::Router& router : routers) {
    role::Router& told = *out.add_routers();
    told = router;
    told.set_in_state_ms(router.in_state_ms() + since_told);
  }
  const role::Serving lease = serving();
  out.set_serving(lease.serving());
  out.set_not_serving_reason(lease.reason());
  *out.mutable_sync() = sync();
  out.set_uptime_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - started).count()));
  out.set_config_hash(settings.config_hash);
  out.set_version(HAPAIR_VERSION);
  if (const std::string& trouble = status_listener.trouble(); !trouble.empty()) {
    out.add_troubles(trouble);
  }
  if (std::string trouble = access_log.trouble(); !trouble.empty()) {
    out.add_troubles(std::move(trouble));
  }
  return out;
}

std::string Balancer::Parts::hung() const {
  const auto silent = workers.silent(loop.now(), settings.serving_lease);
  if (!silent) return {};
  return fmt::format("worker {} has hung for {}", silent->worker,
                     format_duration(std::chrono::floor<std::chrono::seconds>(silent->since)));
}

void Balancer::Parts::show() {
  status_listener.configure(settings.observe.status_listen);
  access_log.configure(settings.observe.access_log);
}

observe::Source Balancer::Parts::status_source() {
  const auto view = [this] {
    observe::View out;
    out.node = status_without_services();
    out.topology = topology;
    out.now = loop.now();
    if (topology) {
      for (const auto& pool : topology->pools) {
        out.pool_sessions.push_back(sessions.size(pool->id));
        out.pool_evictions.push_back(sessions.evicted(pool->id));
      }
    }
    out.most_pool_sessions = settings.max_sessions;
    out.describe_service = [this](const Service& service) {
      return describe_alone(service, sessions);
    };
    out.describe_server = [this](const Server& server) { return describe(server, loop.now()); };
    out.ready = observe::readiness(out.node, settings.elects).ready;
    out.open_connections = workers.open_connections();
    out.most_connections = workers.most_connections();
    out.access_lines = access_log.lines();
    out.access_dropped = access_log.dropped();
    return out;
  };
  return {.hung = [this] { return hung(); },
          .readiness =
              [this] { return observe::readiness(status_without_services(), settings.elects); },
          .view = view};
}

// ---- An upgrade

/// As a reload would open them, but for those that the old process has.
Status Balancer::Parts::inherit_sockets(const ListenKey& key, relay::WorkerPool::Opened& opened) {
  const auto old = inherited->listeners.find(key);
  if (old == inherited->listeners.end() || old->second.empty()) {
    return workers.open(key, loop.now(), opened);
  }
  if (auto status = workers.complete(key, old->second); !status) return status;
  opened[key] = std::move(old->second);
  return {};
}

void Balancer::Parts::inherit_servers() {
  const TimePoint now = loop.now();
  for (const auto& pool : topology->pools) {
    for (const Server& server : pool->servers) {
      LiveServer& live = *server.live;
      const auto known = inherited->servers.find({live.pool, live.address});
      if (known == inherited->servers.end()) continue;
      const auto& health = known->second;
      live.set_up(health.up, now - health.in_state);
      live.in_state_since = now - health.in_state;
      live.last_result = health.result;
      live.last_result_at = now - health.result_age;
    }
  }
  inherited->servers.clear();
  // What the new file does not want is the old process's to drain: a queue that two processes have
  // open would not end with it.
  std::erase_if(inherited->listeners, [&](const auto& entry) {
    return spec.find_service(entry.first.first, entry.first.second) == nullptr;
  });
}

void Balancer::Parts::take_over() {
  Inherited last = std::move(*inherited);
  inherited.reset();
  workers.publish(topology, std::move(last.opened), loop.now());
  const auto& page = settings.observe.status_listen;
  if (page && last.status && local_endpoint(last.status.get()) == *page) {
    status_listener.adopt(*page, std::move(last.status));
  }
  last.status.reset();
  show();
  start_replication(std::move(last.pair));
}

void Balancer::Parts::retire(Duration patience) {
  retired = stopping = true;
  accepting = false;
  drain_until = loop.now() + patience;
  monitor.stop();
  status_listener.configure(std::nullopt);
  workers.leave_listeners();
  workers.ask();
  drain_ticker.emplace(loop, kDrainInterval, [this] { drain(); });
}

// ---- The end

void Balancer::Parts::shut_down(Duration patience) {
  drain_until = loop.now() + patience;
  if (stopping) return;
  stopping = true;
  // Closing the listeners while the VIPs are still here would turn clients away.
  handover_until = loop.now() + (active() ? std::min(patience, kHandoverPatience) : Duration{0});
  send_if_changed();
  drain_ticker.emplace(loop, kDrainInterval, [this] { drain(); });
}

void Balancer::Parts::drain() {
  const TimePoint now = loop.now();
  const bool out_of_time = now >= drain_until;
  if (accepting && (!active() || now >= handover_until || out_of_time)) {
    accepting = false;
    workers.stop_accepting();
    workers.ask();
    return;  // what waited in the accept queues is counted once they have answered
  }
  const size_t open = workers.open_connections();
  if (accepting || (open > 0 && !out_of_time)) return;
  if (open == 0 && !out_of_time && !workers.answered()) return;
  if (open > 0) log.info("relay", "{} connections were still open and are reset", open);
  workers.reset_connections();
  loop.stop();
}

// ---- The public face

Balancer::Balancer(EventLoop& loop, Logger& log, const Settings& settings,
                   upgrade::Inheritance* inherited)
    : parts_(std::make_unique<Parts>(loop, log, settings, inherited)) {}
Balancer::~Balancer() = default;

Status Balancer::apply(const Spec& spec) {
  return parts_->apply(spec);
}
const Spec& Balancer::spec() const {
  return parts_->spec;
}
void Balancer::set_config_hash(uint64_t hash) {
  parts_->settings.config_hash = hash;
}
void Balancer::show(const Settings& settings) {
  parts_->settings.elects = settings.elects;
  parts_->settings.observe = settings.observe;
  parts_->show();
}
void Balancer::reopen_access_log() {
  parts_->access_log.reopen();
}
void Balancer::set_roles(std::vector<role::Router> routers, bool vrrpd_connected) {
  parts_->set_roles(std::move(routers), vrrpd_connected);
}
bool Balancer::active() const {
  return parts_->active();
}
role::Serving Balancer::serving() const {
  return parts_->serving();
}
void Balancer::on_serving(std::function<void(const role::Serving&)> send) {
  parts_->send = std::move(send);
}

control::NodeStatus Balancer::status() const {
  control::NodeStatus out = parts_->own_status();
  const auto* peer = parts_->replicator ? parts_->replicator->peer_status() : nullptr;
  if (peer != nullptr) {
    *out.mutable_peer() = peer->status;
    out.set_peer_age_ms(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(parts_->loop.now() - peer->heard)
            .count()));
  }
  return out;
}

control::Listing Balancer::listing(bool latency) const {
  control::Listing out;
  out.set_version(HAPAIR_VERSION);
  *out.mutable_timeouts() = describe(parts_->spec.timeouts);
  if (!parts_->topology) return out;
  for (const auto& service : parts_->topology->services) {
    control::Service& told = *out.add_services();
    told = describe_with_figures(*service, parts_->sessions, parts_->loop.now());
    if (latency) add_latency(*service, told);
  }
  return out;
}

bool Balancer::zero_counters(const ListenKey* only) {
  return parts_->topology && lbcore::zero_counters(*parts_->topology, only);
}

tl::expected<control::Explanation, ExplainError> Balancer::explain(
    const control::ExplainRequest& request) const {
  if (!parts_->topology) return tl::unexpected(ExplainError{control::FAILED, "not ready yet"});
  return lbcore::explain(*parts_->topology, parts_->sessions, request, parts_->loop.now());
}

bool Balancer::list_connections(std::optional<ListenKey> only,
                                std::function<bool(control::ConnectionPage page)> on_page) {
  return parts_->workers.list_connections(
      parts_->loop, [only = std::move(only), on_page = std::move(on_page)](
                        const std::vector<relay::ConnectionInfo>& some, bool last) {
        return on_page(connection_page(some, only ? &*only : nullptr, last));
      });
}

bool Balancer::may_take_over() const {
  return parts_->topology && parts_->turned && parts_->checks_settled;
}
void Balancer::take_over() {
  parts_->take_over();
}
const Topology& Balancer::topology() const {
  return *parts_->topology;
}
Registry& Balancer::registry() {
  return parts_->registry;
}
sticky::SessionStore& Balancer::sessions() {
  return parts_->sessions;
}
void Balancer::share_listeners(std::function<void(Result<Listeners> shared)> done) {
  parts_->workers.share_sockets(parts_->loop, std::move(done));
}
int Balancer::status_listener() const {
  return parts_->status_listener.listener();
}
int Balancer::pair_listener() const {
  return parts_->replicator ? parts_->replicator->listener() : -1;
}
void Balancer::watch_sessions(std::function<void(const sticky::SessionStore::Changes&)> watch) {
  parts_->watch_sessions = std::move(watch);
  parts_->sessions.list_changes(parts_->pair_key || parts_->watch_sessions);
}
void Balancer::leave_pair_link() {
  parts_->replicator.reset();
}
void Balancer::return_to_pair_link() {
  parts_->start_replication();
}
void Balancer::retire(Duration patience) {
  parts_->retire(patience);
}
size_t Balancer::open_connections() const {
  return parts_->workers.open_connections();
}

void Balancer::shut_down(Duration deadline) {
  parts_->shut_down(deadline);
}

}  // namespace hapair::lbcore
