#include "lbcore/observe/json_pages.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace hapair::lbcore::observe {

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string_view state_name(role::State state) {
  switch (state) {
    case role::STATE_ACTIVE:
      return "Active";
    case role::STATE_BACKUP:
      return "Backup";
    default:
      return "Initialize";
  }
}

Json sync_json(const control::Sync& sync) {
  return Json{{"state", sync.state()},       {"peer", sync.peer()},
              {"sessions", sync.sessions()}, {"lag_entries", sync.lag_entries()},
              {"lag_ms", sync.lag_ms()},     {"resyncs", sync.resyncs()},
              {"refused", sync.refused()},   {"detail", sync.detail()}};
}

Json counters_json(const control::Counters& counters) {
  return Json{{"connections", counters.connections()},
              {"active", counters.active()},
              {"bytes_in", counters.bytes_in()},
              {"bytes_out", counters.bytes_out()},
              {"failed", counters.failed()}};
}

Json quantiles_json(const Distribution& values) {
  const auto at = [&](double share) { return std::llround(values.quantile_us(share)); };
  return Json{{"count", values.count()},
              {"p50", at(0.5)},
              {"p90", at(0.9)},
              {"p99", at(0.99)},
              {"p99.9", at(0.999)}};
}

/// The histograms of some servers, added up.
class Summary {
 public:
  void add(const LiveServer& server) {
    const Latency* latency = server.latency.peek();
    if (latency == nullptr) return;
    latency->connect.add_to(connect_);
    latency->first_byte.add_to(first_byte_);
    latency->duration.add_to(duration_);
  }
  [[nodiscard]] Json json() const {
    return Json{{"connect", quantiles_json(connect_)},
                {"first_byte", quantiles_json(first_byte_)},
                {"duration", quantiles_json(duration_)}};
  }

 private:
  Distribution connect_;
  Distribution first_byte_;
  Distribution duration_;
};

Json server_json(const control::Server& told, const LiveServer* live) {
  Json json{{"name", told.name()},
            {"address", told.address()},
            {"weight", told.weight()},
            {"state", told.admin()},
            {"backup", told.backup()},
            {"full", told.full()},
            {"max_connections", told.max_connections()},
            {"up", told.up()},
            {"in_state_ms", told.in_state_ms()},
            {"check", told.check()},
            {"check_age_ms", told.check_age_ms()},
            {"sessions", told.sessions()},
            {"counters", counters_json(told.counters())}};
  if (live != nullptr) {
    Summary summary;
    summary.add(*live);
    json["latency_us"] = summary.json();
  }
  return json;
}

Json service_json(const control::Service& told, const Service* service) {
  Json json{{"protocol", told.key().protocol() == control::PROTOCOL_UDP ? "udp" : "tcp"},
            {"listen", told.key().listen()},
            {"name", told.name()},
            {"pool", told.pool()},
            {"scheduler", told.scheduler()},
            {"persistent_seconds", told.sticky_seconds()},
            {"persistent_prefix_length", told.sticky_prefix_length()},
            {"runtime", told.runtime()},
            {"trouble", told.trouble()},
            {"sessions", told.sessions()},
            {"counters", counters_json(told.counters())}};
  Summary summary;
  Json servers = Json::array();
  for (int i = 0; i < told.servers_size(); ++i) {
    const LiveServer* live = nullptr;
    if (service != nullptr && static_cast<size_t>(i) < service->pool->servers.size()) {
      live = service->pool->servers[static_cast<size_t>(i)].live.get();
      summary.add(*live);
    }
    servers.push_back(server_json(told.servers(i), live));
  }
  json["latency_us"] = summary.json();
  json["servers"] = std::move(servers);
  return json;
}

class ServicesBody final : public Body {
 public:
  explicit ServicesBody(View view) : view_(std::move(view)) {}

  bool append_piece(std::string& out) override {
    if (next_ == 0) {
      out += R"({"version":)" + Json(view_.node.version()).dump() + R"(,"services":[)";
    }
    if (next_ < view_.node.services_size()) {
      if (next_ > 0) out += ",\n";
      const Service* service =
          view_.topology ? view_.topology->services.at(static_cast<size_t>(next_)).get() : nullptr;
      out += text_of(service_json(view_.node.services(next_), service));
      ++next_;
      return true;
    }
    out += "]}\n";
    return false;
  }

 private:
  View view_;
  int next_ = 0;
};

}  // namespace

std::unique_ptr<Body> status_json(const View& view) {
  const control::NodeStatus& node = view.node;
  Json json{{"node", node.node()},
            {"version", node.version()},
            {"uptime_ms", node.uptime_ms()},
            {"ready", view.ready},
            {"serving", node.serving()},
            {"not_serving_reason", node.not_serving_reason()},
            {"troubles", std::vector<std::string>(node.troubles().begin(), node.troubles().end())},
            {"vrrpd_connected", node.vrrpd_connected()},
            {"connections_open", view.open_connections},
            {"sync", sync_json(node.sync())},
            {"routers", Json::array()}};
  for (const role::Router& router : node.routers()) {
    json["routers"].push_back(
        Json{{"name", router.name()},
             {"state", state_name(router.state())},
             {"in_state_ms", router.in_state_ms()},
             {"reason", router.reason()},
             {"addresses",
              std::vector<std::string>(router.addresses().begin(), router.addresses().end())}});
  }
  return std::make_unique<TextBody>(text_of(json) + '\n');
}

std::unique_ptr<Body> services_json(View view) {
  return std::make_unique<ServicesBody>(std::move(view));
}

std::unique_ptr<Body> sessions_json(const View& view) {
  Json json{{"sessions", view.node.sync().sessions()},
            {"sync", sync_json(view.node.sync())},
            {"pools", Json::array()}};
  const size_t pools = view.topology ? view.topology->pools.size() : 0;
  for (size_t i = 0; i < pools; ++i) {
    const Pool& pool = *view.topology->pools[i];
    Json servers = Json::object();
    for (const Server& server : pool.servers) {
      servers[server.spec.name] = server.live->sessions.load(std::memory_order_relaxed);
    }
    json["pools"].push_back(Json{{"name", pool.spec.name},
                                 {"sessions", view.pool_sessions.at(i)},
                                 {"servers", std::move(servers)}});
  }
  return std::make_unique<TextBody>(text_of(json) + '\n');
}

}  // namespace hapair::lbcore::observe
