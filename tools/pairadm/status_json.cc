// The status for programs; keys are documented in pairadm(8) and keep their order.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/pairadm/json.h"
#include "tools/pairadm/listing.h"
#include "tools/pairadm/status_view.h"

namespace hapair::pairadm {

namespace {

Json router_json(const role::Router& router, const std::vector<control::VrrpRouter>& details) {
  Json json{{"name", router.name()},
            {"state", state_text(router.state())},
            {"in_state_ms", router.in_state_ms()},
            {"reason", router.reason()},
            {"addresses", std::vector(router.addresses().begin(), router.addresses().end())},
            {"interface", router.interface()},
            {"vrid", router.vrid()},
            {"priority", router.priority()},
            {"other_router", router.peer()}};
  for (const auto& detail : details) {
    if (detail.router().name() != router.name()) continue;
    json["advert_interval_us"] = detail.advert_interval_us();
    json["transitions"] = detail.transitions();
    json["sent"] = detail.sent();
    json["received"] = detail.received();
    json["refused"] =
        std::map<std::string, uint64_t>(detail.refused().begin(), detail.refused().end());
    json["history"] = std::vector(detail.history().begin(), detail.history().end());
    json["effective_priority"] = detail.effective_priority();
  }
  return json;
}

Json node_json(const NodeView& node) {
  Json json{{"name", node.name}, {"this_node", node.own}, {"known", node.known}};
  json["heard_ms_ago"] = node.age_ms ? Json(*node.age_ms) : Json(nullptr);
  json["stale"] = node.stale;
  json["version"] = node.version;
  json["uptime_ms"] = node.uptime_ms;
  json["vrrpd"] = node.vrrpd;
  json["lbcore"] = node.lbcore;
  json["routers"] = Json::array();
  for (const auto& router : node.routers)
    json["routers"].push_back(router_json(router, node.details));
  json["sync"] = node.sync ? sync_json(*node.sync) : Json(nullptr);
  json["services"] = Json::array();
  for (const auto& service : node.services) json["services"].push_back(service_json(service));
  json["demoted"] = node.demotion ? Json{{"by", node.demotion->by()},
                                         {"reason", node.demotion->reason()},
                                         {"age_ms", node.demotion->age_ms()}}
                                  : Json(nullptr);
  json["differences"] = node.differences;
  json["runtime_trouble"] = node.runtime_trouble;
  json["orphans"] = node.orphans ? Json{{"known", node.orphans->known()},
                                        {"told", node.orphans->told()},
                                        {"not_told", node.orphans->not_told()},
                                        {"left_out", node.orphans->left_out()},
                                        {"said_anew", node.orphans->said_anew()}}
                                 : Json(nullptr);
  return json;
}

}  // namespace

std::string status_json(const StatusView& view) {
  Json json{{"summary", view.summary}, {"healthy", view.healthy()}};
  json["problems"] = Json::array();
  for (const auto& problem : view.problems)
    json["problems"].push_back(Json{{"kind", problem.kind}, {"text", problem.text}});
  json["nodes"] = Json::array();
  for (const auto& node : view.nodes) json["nodes"].push_back(node_json(node));
  return json_text(json);
}

}  // namespace hapair::pairadm
