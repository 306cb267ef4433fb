#include "lbcore/report.h"

#include <algorithm>

#include "lbcore/health/checker.h"
#include "lbcore/health/pool_health.h"
#include "lbcore/observe/latency_sum.h"

namespace hapair::lbcore {

namespace {

uint64_t milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(duration / 1ms, 0));
}

uint64_t milliseconds_since(TimePoint then, TimePoint now) {
  return then == TimePoint{} ? 0 : milliseconds(now - then);
}

void fill(const Counters& from, control::Counters& to) {
  to.set_connections(from.connections.load(std::memory_order_relaxed));
  to.set_active(from.active.load(std::memory_order_relaxed));
  to.set_bytes_in(from.bytes_in.load(std::memory_order_relaxed));
  to.set_bytes_out(from.bytes_out.load(std::memory_order_relaxed));
  to.set_failed(from.failed.load(std::memory_order_relaxed));
  to.set_packets_in(from.packets_in.load(std::memory_order_relaxed));
  to.set_packets_out(from.packets_out.load(std::memory_order_relaxed));
}

template <typename Live, typename Out>
void fill_figures(const Live& live, Out& out) {
  auto& zeroed = *out.mutable_zeroed();
  zeroed.set_connections(live.zeroed.connections);
  zeroed.set_packets_in(live.zeroed.packets_in);
  zeroed.set_packets_out(live.zeroed.packets_out);
  zeroed.set_bytes_in(live.zeroed.bytes_in);
  zeroed.set_bytes_out(live.zeroed.bytes_out);
  zeroed.set_failed(live.zeroed.failed);
  const Rates& rates = live.rate.rates();
  auto& to = *out.mutable_rates();
  to.set_connections(rates.connections);
  to.set_packets_in(rates.packets_in);
  to.set_packets_out(rates.packets_out);
  to.set_bytes_in(rates.bytes_in);
  to.set_bytes_out(rates.bytes_out);
}

/// Only what happened: a reason that never did is not there.
void fill_refusals(const LiveService& from, control::Service& to) {
  for (size_t reason = 0; reason < kRefusals; ++reason) {
    const uint64_t count = from.refused[reason].load(std::memory_order_relaxed);
    if (count > 0) (*to.mutable_refused())[std::string(kRefusalNames[reason])] = count;
  }
  to.set_queued(from.queued.load(std::memory_order_relaxed));
  to.set_idle_timeouts(from.idle_timeouts.load(std::memory_order_relaxed));
  to.set_half_closed_timeouts(from.half_closed_timeouts.load(std::memory_order_relaxed));
}

}  // namespace

control::Server describe(const Server& from, TimePoint now) {
  const LiveServer& live = *from.live;
  control::Server to;
  to.set_name(from.spec.name);
  to.set_address(from.spec.address.to_string());
  to.set_weight(from.spec.weight);
  to.set_admin(std::string(name(from.spec.admin)));
  to.set_max_connections(from.spec.max_connections);
  to.set_min_connections(from.spec.min_connections);
  to.set_backup(from.spec.backup);
  to.set_full(live.full.load(std::memory_order_relaxed));
  to.set_up(live.up.load(std::memory_order_relaxed));
  to.set_check(live.last_result);
  to.set_hint(live.last_result.starts_with(health::kHint));
  to.set_check_age_ms(milliseconds_since(live.last_result_at, now));
  to.set_in_state_ms(milliseconds_since(live.in_state_since, now));
  to.set_sessions(live.sessions.load(std::memory_order_relaxed));
  if (live.ejected.load(std::memory_order_relaxed)) {
    to.set_ejected(live.ejected_why);
    to.set_ejected_ms(milliseconds_since(now, std::max(now, live.ejected_until)));
  }
  fill(live.counters, *to.mutable_counters());
  return to;
}

control::Service describe_alone(const Service& service, const sticky::SessionStore& sessions) {
  const Pool& pool = *service.pool;
  control::Service out;
  auto& key = *out.mutable_key();
  key.set_protocol(service.spec.protocol == Protocol::tcp ? control::PROTOCOL_TCP
                                                          : control::PROTOCOL_UDP);
  key.set_listen(service.spec.listen.to_string());
  out.set_name(service.spec.name);
  out.set_pool(service.spec.pool);
  out.set_scheduler(std::string(balance::name(pool.spec.scheduler)));
  if (const StickySpec& sticky = pool.spec.sticky; sticky.enabled()) {
    out.set_sticky_seconds(static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(sticky.timeout).count()));
    out.set_sticky_prefix_length(static_cast<uint32_t>(
        service.spec.listen.ip.is_v4() ? sticky.prefix_v4 : sticky.prefix_v6));
  }
  out.set_runtime(service.spec.runtime);
  out.set_one_shot(service.spec.one_shot);
  out.set_idle_timeout_ms(static_cast<uint64_t>(service.idle_timeout / 1ms));
  out.set_sessions(sessions.size(pool.id));
  out.set_trouble(service.live->trouble);
  out.set_all_down(health::all_down_text(pool));
  fill_refusals(*service.live, out);
  fill(service.live->counters, *out.mutable_counters());
  return out;
}

control::Service describe(const Service& service, const sticky::SessionStore& sessions,
                          TimePoint now) {
  control::Service out = describe_alone(service, sessions);
  for (const Server& server : service.pool->servers) *out.add_servers() = describe(server, now);
  return out;
}

void add_latency(const Service& service, control::Service& told) {
  observe::LatencySum of_pool;
  for (size_t i = 0; i < service.pool->servers.size(); ++i) {
    const LiveServer& live = *service.pool->servers[i].live;
    observe::LatencySum of_server;
    of_server.add(live);
    of_pool.add(live);
    *told.mutable_servers(static_cast<int>(i))->mutable_latency() = of_server.told();
  }
  *told.mutable_latency() = of_pool.told();
}

control::Timeouts describe(const Timeouts& timeouts) {
  control::Timeouts out;
  out.set_tcp(static_cast<uint32_t>(timeouts.tcp / 1s));
  out.set_tcpfin(static_cast<uint32_t>(timeouts.tcp_fin / 1s));
  out.set_udp(static_cast<uint32_t>(timeouts.udp / 1s));
  return out;
}

control::Service describe_with_figures(const Service& service, const sticky::SessionStore& sessions,
                                       TimePoint now) {
  control::Service out = describe(service, sessions, now);
  fill_figures(*service.live, out);
  for (size_t i = 0; i < service.pool->servers.size(); ++i) {
    fill_figures(*service.pool->servers[i].live, *out.mutable_servers(static_cast<int>(i)));
  }
  return out;
}

control::ConnectionPage connection_page(const std::vector<relay::ConnectionInfo>& connections,
                                        const ListenKey* only, bool last) {
  control::ConnectionPage page;
  page.set_last(last);
  for (const relay::ConnectionInfo& connection : connections) {
    const ServiceSpec& service = connection.service->spec;
    if (only != nullptr && ListenKey{service.protocol, service.listen} != *only) continue;
    control::ConnectionEntry& entry = *page.add_entries();
    entry.set_protocol(service.protocol == Protocol::tcp ? control::PROTOCOL_TCP
                                                         : control::PROTOCOL_UDP);
    entry.set_client(connection.client.to_string());
    entry.set_listen(service.listen.to_string());
    if (connection.server) entry.set_server(connection.server->address.to_string());
    entry.set_service(service.name);
    entry.set_state(std::string(connection.state));
    if (connection.expires) entry.set_expires_ms(milliseconds(*connection.expires));
    entry.set_age_ms(milliseconds(connection.age));
  }
  return page;
}

void sample_rates(const Topology& topology, TimePoint now) {
  for (const auto& service : topology.services) {
    service->live->rate.sample(totals_of(service->live->counters), now);
  }
  for (const auto& pool : topology.pools) {
    for (const Server& server : pool->servers) {
      server.live->rate.sample(totals_of(server.live->counters), now);
    }
  }
}

bool zero_counters(const Topology& topology, const ListenKey* only) {
  bool any = false;
  for (const auto& service : topology.services) {
    const ListenKey key{service->spec.protocol, service->spec.listen};
    if (only != nullptr && key != *only) continue;
    any = true;
    service->live->zeroed = totals_of(service->live->counters);
    for (const Server& server : service->pool->servers) {
      server.live->zeroed = totals_of(server.live->counters);
    }
  }
  return any;
}

}  // namespace hapair::lbcore
