#include "lbcore/observe/json_pages.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/control_json.h"
#include "common/role_text.h"
#include "lbcore/observe/latency_sum.h"

namespace hapair::lbcore::observe {

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Services one after the other, each in three parts: what stands before its servers, these, a few
/// per piece, and the rest, with the latency of all of them.
class ServicesBody final : public Body {
 public:
  explicit ServicesBody(View view) : view_(std::move(view)) {}

  bool append_piece(std::string& out) override {
    if (!begun_) {
      out += R"({"version":)" + text_of(view_.node.version()) + R"(,"services":[)";
      begun_ = true;
    }
    if (view_.topology == nullptr || service_ == view_.topology->services.size()) {
      out += "]}\n";
      return false;
    }
    const Service& service = *view_.topology->services[service_];
    if (server_ == 0) out += (service_ > 0 ? ",\n" : "") + parts_of(service).first;
    const auto& servers = service.pool->servers;
    const size_t end = std::min(servers.size(), server_ + kServersPerPiece);
    for (; server_ < end; ++server_) {
      if (server_ > 0) out += ",\n";
      append_server(out, servers[server_]);
    }
    if (server_ < servers.size()) return true;
    out += parts_of(service).second;
    latency_ = {};
    server_ = 0;
    ++service_;
    return true;
  }

 private:
  void append_server(std::string& out, const Server& server) {
    LatencySum latency;
    latency.add(*server.live);
    latency_.add(*server.live);
    control::Server told = view_.describe_server(server);
    *told.mutable_latency() = latency.told();
    out += text_of(server_json(told));
  }

  /// Cut where its servers belong. Inside a text the quotes would be escaped.
  [[nodiscard]] std::pair<std::string, std::string> parts_of(const Service& service) const {
    constexpr std::string_view kServers = R"("servers":[)";
    control::Service told = view_.describe_service(service);
    *told.mutable_latency() = latency_.told();
    const std::string text = text_of(service_json(told));
    const size_t cut = text.find(kServers) + kServers.size();
    return {text.substr(0, cut), text.substr(cut)};
  }

  View view_;
  bool begun_ = false;
  size_t service_ = 0;
  size_t server_ = 0;   // of this service
  LatencySum latency_;  // of its servers so far
};

/// How many sessions each pool has, and each of its servers, some servers per piece.
class SessionsBody final : public Body {
 public:
  explicit SessionsBody(View view) : view_(std::move(view)) {}

  bool append_piece(std::string& out) override {
    if (!begun_) {
      const control::Sync& sync = view_.node.sync();
      out += fmt::format(R"({{"sessions":{},"sync":{},"pools":[)", sync.sessions(),
                         text_of(sync_json(sync)));
      begun_ = true;
    }
    if (view_.topology == nullptr || pool_ == view_.topology->pools.size()) {
      out += "]}\n";
      return false;
    }
    const Pool& pool = *view_.topology->pools[pool_];
    if (server_ == 0) {
      out += fmt::format(R"({}{{"name":{},"sessions":{},"servers":{{)", pool_ > 0 ? ",\n" : "",
                         text_of(pool.spec.name), view_.pool_sessions.at(pool_));
    }
    const size_t end = std::min(pool.servers.size(), server_ + kFigures * kServersPerPiece);
    for (; server_ < end; ++server_) {
      const Server& server = pool.servers[server_];
      out += fmt::format("{}{}:{}", server_ > 0 ? "," : "", text_of(server.spec.name),
                         server.live->sessions.load(std::memory_order_relaxed));
    }
    if (server_ < pool.servers.size()) return true;
    out += "}}";
    server_ = 0;
    ++pool_;
    return true;
  }

 private:
  static constexpr size_t kFigures = 8;  // cost as much as the description of a server

  View view_;
  bool begun_ = false;
  size_t pool_ = 0;
  size_t server_ = 0;
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
            {"config_differs", node.has_peer() && node.peer().config_hash() != node.config_hash()},
            {"differences", node.differences()},
            {"runtime_trouble", node.runtime_trouble()},
            {"troubles", std::vector<std::string>(node.troubles().begin(), node.troubles().end())},
            {"vrrpd_connected", node.vrrpd_connected()},
            {"connections_open", view.open_connections},
            {"sync", sync_json(node.sync())},
            {"routers", Json::array()}};
  for (const role::Router& router : node.routers()) {
    json["routers"].push_back(
        Json{{"name", router.name()},
             {"state", role::state_text(router.state())},
             {"in_state_ms", router.in_state_ms()},
             {"reason", router.reason()},
             {"addresses",
              std::vector<std::string>(router.addresses().begin(), router.addresses().end())}});
  }
  return std::make_unique<TextBody>(json_text(json));
}

std::unique_ptr<Body> services_json(View view) {
  return std::make_unique<ServicesBody>(std::move(view));
}

std::unique_ptr<Body> sessions_json(View view) {
  return std::make_unique<SessionsBody>(std::move(view));
}

}  // namespace hapair::lbcore::observe
