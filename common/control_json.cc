#include "common/control_json.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace hapair {

namespace {

Json counters_json(const control::Counters& total, const control::Counters& zeroed) {
  const control::Counters counters = since_zero(total, zeroed);
  return Json{{"connections", counters.connections()}, {"active", counters.active()},
              {"bytes_in", counters.bytes_in()},       {"bytes_out", counters.bytes_out()},
              {"failed", counters.failed()},           {"packets_in", counters.packets_in()},
              {"packets_out", counters.packets_out()}};
}

Json quantiles_json(const control::Quantiles& quantiles) {
  return Json{{"count", quantiles.count()},
              {"p50", std::llround(quantiles.p50_us())},
              {"p90", std::llround(quantiles.p90_us())},
              {"p99", std::llround(quantiles.p99_us())},
              {"p99.9", std::llround(quantiles.p999_us())}};
}

/// Null unless it was asked for.
template <typename Measured>
Json latency_json(const Measured& measured) {
  if (!measured.has_latency()) return nullptr;
  const control::Latency& latency = measured.latency();
  return Json{{"connect", quantiles_json(latency.connect())},
              {"first_byte", quantiles_json(latency.first_byte())},
              {"duration", quantiles_json(latency.duration())}};
}

/// Null where they are not told, as in the status.
template <typename Counted>
Json rates_json(const Counted& counted) {
  if (!counted.has_rates()) return nullptr;
  const control::Rates& rates = counted.rates();
  return Json{{"connections", rates.connections()},
              {"packets_in", rates.packets_in()},
              {"packets_out", rates.packets_out()},
              {"bytes_in", rates.bytes_in()},
              {"bytes_out", rates.bytes_out()}};
}

}  // namespace

control::Counters since_zero(const control::Counters& counters, const control::Counters& zeroed) {
  control::Counters out = counters;
  out.set_connections(counters.connections() - zeroed.connections());
  out.set_packets_in(counters.packets_in() - zeroed.packets_in());
  out.set_packets_out(counters.packets_out() - zeroed.packets_out());
  out.set_bytes_in(counters.bytes_in() - zeroed.bytes_in());
  out.set_bytes_out(counters.bytes_out() - zeroed.bytes_out());
  out.set_failed(counters.failed() - zeroed.failed());
  return out;
}

Json server_json(const control::Server& server) {
  return Json{{"name", server.name()},
              {"address", server.address()},
              {"forward", "proxy"},
              {"weight", server.weight()},
              {"up", server.up()},
              {"in_state_ms", server.in_state_ms()},
              {"check", server.check()},
              {"check_age_ms", server.check_age_ms()},
              {"ejected", server.ejected()},
              {"ejected_ms", server.ejected_ms()},
              {"sessions", server.sessions()},
              {"counters", counters_json(server.counters(), server.zeroed())},
              {"state", server.admin().empty() ? "enabled" : server.admin()},
              {"rates", rates_json(server)},
              {"max_connections", server.max_connections()},
              {"min_connections", server.min_connections()},
              {"backup", server.backup()},
              {"full", server.full()},
              {"latency_us", latency_json(server)}};
}

Json service_json(const control::Service& service) {
  Json servers = Json::array();
  for (const auto& server : service.servers()) servers.push_back(server_json(server));
  return Json{{"protocol", service.key().protocol() == control::PROTOCOL_UDP ? "udp" : "tcp"},
              {"listen", service.key().listen()},
              {"name", service.name()},
              {"pool", service.pool()},
              {"scheduler", service.scheduler()},
              {"persistent_seconds", service.sticky_seconds()},
              {"persistent_prefix_length", service.sticky_prefix_length()},
              {"one_shot", service.one_shot()},
              {"idle_timeout_ms", service.idle_timeout_ms()},
              {"runtime", service.runtime()},
              {"trouble", service.trouble()},
              {"all_down", service.all_down()},
              {"sessions", service.sessions()},
              {"counters", counters_json(service.counters(), service.zeroed())},
              {"servers", std::move(servers)},
              {"refused",
               std::map<std::string, uint64_t>(service.refused().begin(), service.refused().end())},
              {"idle_timeouts", service.idle_timeouts()},
              {"half_closed_timeouts", service.half_closed_timeouts()},
              {"queued", service.queued()},
              {"rates", rates_json(service)},
              {"latency_us", latency_json(service)}};
}

Json sync_json(const control::Sync& sync) {
  return Json{
      {"state", sync.state()},
      {"peer", sync.peer()},
      {"sessions", sync.sessions()},
      {"lag_entries", sync.lag_entries()},
      {"lag_ms", sync.lag_ms()},
      {"resyncs", sync.resyncs()},
      {"refused", sync.refused()},
      {"detail", sync.detail()},
      {"digest", fmt::format("{:016x}", sync.digest())},
      {"protocol", sync.protocol()},
      {"features", std::vector<std::string>(sync.features().begin(), sync.features().end())},
      {"ignored", sync.ignored()}};
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hapair
