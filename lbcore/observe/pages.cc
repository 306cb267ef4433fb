#include "lbcore/observe/pages.h"

#include <algorithm>

#include "lbcore/observe/json_pages.h"
#include "lbcore/observe/metrics.h"

namespace hapair::lbcore::observe {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kUnavailable = 503;

constexpr std::string_view kPaths =
    "/metrics\n/api/v1/status.json\n/api/v1/services.json\n/api/v1/sessions.json\n/live\n/ready";

Page live(const Source& source) {
  const std::string hung = source.hung();
  return hung.empty() ? text_page(kOk, "live") : text_page(kUnavailable, hung);
}

Page ready(const Source& source) {
  Readiness told = source.readiness();
  return text_page(told.ready ? kOk : kUnavailable, std::move(told.why));
}

}  // namespace

Readiness readiness(const control::NodeStatus& node, bool elects) {
  if (!node.serving()) return {.why = "not serving: " + node.not_serving_reason()};
  const auto is_active = [](const role::Router& router) {
    return router.state() == role::STATE_ACTIVE;
  };
  if (std::ranges::any_of(node.routers(), is_active)) return {.ready = true, .why = "Active"};
  if (!elects && !node.vrrpd_connected()) {
    return {.ready = true, .why = "serving; no virtual router"};
  }
  if (!node.vrrpd_connected()) return {.why = "vrrpd is not connected"};
  return {.why = "not Active"};
}

Page page(const Source& source, std::string_view path) {
  if (path == "/live") return live(source);
  if (path == "/ready") return ready(source);
  if (path == "/metrics") {
    return {.type = kMetrics, .body = metrics(source.view(), process_figures())};
  }
  if (path == "/api/v1/status.json") return {.type = kJson, .body = status_json(source.view())};
  if (path == "/api/v1/services.json") return {.type = kJson, .body = services_json(source.view())};
  if (path == "/api/v1/sessions.json") return {.type = kJson, .body = sessions_json(source.view())};
  if (path == "/") return text_page(kOk, std::string(kPaths));
  return text_page(kNotFound, "there is no such page; there are:\n" + std::string(kPaths));
}

}  // namespace hapair::lbcore::observe
