// What a balancer tells: the node's status, lists for pairadm, the status pages and the access log.
#include <utility>

#include "common/units.h"
#include "lbcore/balancer_parts.h"
#include "lbcore/report.h"

namespace hapair::lbcore {

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
  if (orphans) *out.mutable_orphans() = orphans->report();
  out.set_uptime_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - started).count()));
  out.set_config_hash(settings.config_hash);
  out.set_version(HAPAIR_VERSION);
  out.set_differences(differences);
  out.set_runtime_trouble(runtime_trouble);
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
    // Of the peer no more than what these pages tell.
    if (const auto* peer = fresh_peer()) {
      out.node.mutable_peer()->set_config_hash(peer->status.config_hash());
    }
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

}  // namespace hapair::lbcore
