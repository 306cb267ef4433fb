// How a change is taken, and what vrrpd is told.
#include <algorithm>
#include <utility>

#include "common/process.h"
#include "common/units.h"
#include "lbcore/balancer_parts.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/relay/socket.h"
#include "lbcore/report.h"

namespace hapair::lbcore {

namespace {

constexpr Duration kTroubleRetry = 1s;
constexpr Duration kExpireInterval = 100ms;
constexpr Duration kDebtInterval = 250ms;
constexpr Duration kSettleInterval = 10ms;

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

Balancer::Parts::Parts(EventLoop& event_loop, Logger& logger, Settings given,
                       upgrade::Inheritance* heirloom)
    : loop(event_loop),
      log(logger),
      settings(std::move(given)),
      started(loop.now()),
      pair_keys(load_keys()),
      sessions([this](ServerId id) { return registry.find(id); }, settings.max_sessions,
               [this] { loop.post([this] { on_session_changes(); }); }),
      monitor(loop, log, [this](const LiveServer&) { look_at_pools_soon(); }),
      access_log(log, settings.workers),
      pool_health(log),
      passive(loop, log),
      workers(log, sessions, settings.workers, raise_descriptor_limit(), &access_log,
              tell_connections()),
      runtime(records, runtime_hooks(), loop.now()),
      connections(loop, workers),
      handover({.loop = loop,
                .log = log,
                .connections = connections,
                .on_word = [this] { send_serving(); },
                .on_sending =
                    [this] {
                      if (replicator) replicator->wake();
                    }}),
      beat_ticker(loop, settings.serving_lease / 4, [this] { beat(); }),
      trouble_ticker(loop, kTroubleRetry, [this] { retry_trouble(); }),
      expire_ticker(loop, kExpireInterval,
                    [this] {
                      if (runtime.tick(loop.now()) && replicator) replicator->wake();
                      compare_configs();
                      take_hints();
                      if (!owns_sessions()) return;
                      sessions.expire(loop.now());
                      forget_gone_servers();
                    }),
      rate_ticker(loop, RateMeter::kInterval,
                  [this] {
                    if (topology) sample_rates(*topology, loop.now());
                  }),
      debt_ticker(loop, kDebtInterval, [this] { share_rate_debts(); }),
      status_listener(loop, log, [source = status_source()](std::string_view path) {
        return observe::page(source, path);
      }) {
  sessions.list_changes(pair_keys.has_value());
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

Status Balancer::Parts::apply(const Spec& next, PortsInUse ports) {
  if (auto valid = validate(next); !valid) return valid;
  if (auto may = may_serve(next); !may) return may;
  relay::WorkerPool::Opened opened;
  const auto trouble = open_new(next, ports, opened);
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

Result<Balancer::Parts::Trouble> Balancer::Parts::open_new(const Spec& next, PortsInUse ports,
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
    const bool tolerated = known || (topology == nullptr && !inherited) ||
                           (ports == PortsInUse::tolerate && !inherited);
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
  const auto trouble = open_new(spec, PortsInUse::refuse, opened);
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
  out.set_in_sync(in_sync());
  out.set_sync_state(sync().state());
  out.set_hands_over(!retired);
  if (handover.word().step() != role::Handover::NONE) *out.mutable_handover() = handover.word();
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
void Balancer::reload_keys(const std::string& path) {
  parts_->reload_keys(path);
}

void Balancer::set_config_hash(uint64_t hash) {
  parts_->settings.config_hash = hash;
  if (parts_->replicator) parts_->replicator->set_config_hash(hash);
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
void Balancer::hear_handover(const role::NodeRole* said) {
  parts_->hear_handover(said);
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

}  // namespace hapair::lbcore
