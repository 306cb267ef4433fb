#include "tools/pairadm/vrrp_view.h"

#include <chrono>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/units.h"
#include "tools/pairadm/human.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/status_view.h"

namespace hapair::pairadm {

namespace {

using control::VrrpRouter;

std::string duration_text(uint64_t microseconds) {
  return format_duration(std::chrono::microseconds(microseconds));
}

/// "23.4 ms", for what changes from one look to the next.
std::string moment(uint64_t microseconds) {
  return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1000);
}

/// Sorted: the map of the message is not.
std::map<std::string, uint64_t> refused_by_reason(const VrrpRouter& router) {
  return {router.refused().begin(), router.refused().end()};
}

std::string priority_text(const VrrpRouter& router) {
  if (router.priority_why().empty()) return fmt::format("{}", router.router().priority());
  return fmt::format("{} = {}", router.effective_priority(), router.priority_why());
}

std::string timers_text(const VrrpRouter& router) {
  std::string text =
      fmt::format("  timers: advertises every {}", duration_text(router.advert_interval_us()));
  if (router.router().state() == role::STATE_ACTIVE) {
    return text + fmt::format(", the next one in {}\n", moment(router.next_deadline_us()));
  }
  text += fmt::format(", down interval {}", moment(router.down_interval_us()));
  if (router.next_deadline_us() > 0) {
    text += fmt::format(", the next deadline in {}", moment(router.next_deadline_us()));
  }
  return text + "\n";
}

std::string counters_text(const VrrpRouter& router) {
  std::string text = fmt::format("  advertisements: {} sent, {} received",
                                 with_commas(router.sent()), with_commas(router.received()));
  for (const auto& [reason, times] : refused_by_reason(router)) {
    text += fmt::format(", {} refused ({})", with_commas(times), reason);
  }
  return text + "\n";
}

/// "lb2 on the pair path: heard 5 ms ago, lbcore serves and is in sync"
std::string pair_text(const control::PairPath& pair) {
  const std::string heard =
      pair.received() == 0 ? "never heard" : fmt::format("heard {} ago", age(pair.heard_ms_ago()));
  std::string text = fmt::format("{} on the pair path: {}{}", pair.peer(), heard,
                                 pair.alive() || pair.received() == 0 ? "" : ": silent");
  if (pair.alive()) {
    text += pair.serving() ? ", lbcore serves" : ", lbcore does not serve";
    text += pair.in_sync() ? " and is in sync" : " and is not in sync";
    if (pair.demoted()) text += ", demoted";
  }
  text += fmt::format("\n  {} to {}: {} sent, {} received", pair.own_address(), pair.peer_address(),
                      with_commas(pair.sent()), with_commas(pair.received()));
  const std::map<std::string, uint64_t> refused(pair.refused().begin(), pair.refused().end());
  for (const auto& [reason, times] : refused) {
    text += fmt::format(", {} refused ({})", with_commas(times), reason);
  }
  text += '\n';
  if (!pair.trouble().empty()) text += fmt::format("  trouble: {}\n", pair.trouble());
  if (!pair.alive()) return text;
  for (const control::PeerRouter& router : pair.routers()) {
    text += fmt::format("  router {} there: {}, priority {}, {} us on the LAN\n", router.name(),
                        router.state(), router.priority(),
                        router.hears_us() ? "hears" : "does not hear");
  }
  return text;
}

Json pair_json(const control::PairPath& pair) {
  Json json{
      {"peer", pair.peer()},
      {"own_address", pair.own_address()},
      {"peer_address", pair.peer_address()},
      {"alive", pair.alive()},
      {"heard_ms_ago", pair.heard_ms_ago()},
      {"serving", pair.serving()},
      {"in_sync", pair.in_sync()},
      {"demoted", pair.demoted()},
      {"sent", pair.sent()},
      {"received", pair.received()},
      {"refused", std::map<std::string, uint64_t>(pair.refused().begin(), pair.refused().end())},
      {"trouble", pair.trouble()}};
  json["routers"] = Json::array();
  for (const control::PeerRouter& router : pair.routers()) {
    json["routers"].push_back(Json{{"name", router.name()},
                                   {"state", router.state()},
                                   {"priority", router.priority()},
                                   {"hears_us", router.hears_us()}});
  }
  return json;
}

std::string tracked_text(const control::Tracked& tracked) {
  const std::string verdict = !tracked.known() ? "no result yet"
                              : tracked.good() ? "good"
                                               : "bad: " + tracked.reason();
  const std::string weight =
      tracked.weight() == 0 ? "a fault when bad" : fmt::format("weight {}", tracked.weight());
  return fmt::format("  {}: {} ({})\n", tracked.name(), verdict, weight);
}

std::string hooks_text(const control::Hooks& hooks) {
  std::string text = fmt::format("  hooks: {} run, {} failed, {} skipped", hooks.run(),
                                 hooks.failed(), hooks.skipped());
  if (hooks.refused() > 0) text += fmt::format(", queue full {} times", hooks.refused());
  if (!hooks.running().empty()) text += fmt::format("; {} runs now", hooks.running());
  if (!hooks.last().empty()) text += fmt::format("; last: {}", hooks.last());
  return text + "\n";
}

std::string router_text(const VrrpRouter& router) {
  const role::Router& role = router.router();
  std::string text = fmt::format("router {}: {} for {} ({})\n", role.name(),
                                 state_text(role.state()), age(role.in_state_ms()), role.reason());
  text += fmt::format("  {} on {}, vrid {}, preempt {}\n", fmt::join(role.addresses(), ", "),
                      role.interface(), role.vrid(), router.preempt() ? "yes" : "no");
  text += fmt::format("  priority {}\n", priority_text(router));
  text += timers_text(router);
  text += counters_text(router);
  text += fmt::format("  other router: {}\n", role.peer().empty() ? "never heard" : role.peer());
  for (const control::Tracked& tracked : router.tracked()) text += tracked_text(tracked);
  if (router.has_hooks()) text += hooks_text(router.hooks());
  text += fmt::format("  transitions: {}\n", with_commas(router.transitions()));
  for (int at = router.history_size() - 1; at >= 0; --at) {
    text += fmt::format("    {}\n", router.history(at));
  }
  return text;
}

Json router_json(const VrrpRouter& router) {
  const role::Router& role = router.router();
  Json json{{"name", role.name()},
            {"state", state_text(role.state())},
            {"in_state_ms", role.in_state_ms()},
            {"reason", role.reason()},
            {"addresses", std::vector(role.addresses().begin(), role.addresses().end())},
            {"interface", role.interface()},
            {"vrid", role.vrid()},
            {"preempt", router.preempt()},
            {"priority", role.priority()},
            {"effective_priority", router.effective_priority()},
            {"priority_why", router.priority_why()},
            {"advert_interval_us", router.advert_interval_us()},
            {"down_interval_us", router.down_interval_us()},
            {"next_deadline_us", router.next_deadline_us()},
            {"sent", router.sent()},
            {"received", router.received()},
            {"refused", refused_by_reason(router)}};
  json["other_router"] = router.heard_sender().empty() ? Json(nullptr)
                                                       : Json{{"address", router.heard_sender()},
                                                              {"priority", router.heard_priority()},
                                                              {"heard_ms_ago", router.heard_ms()}};
  json["tracked"] = Json::array();
  for (const control::Tracked& tracked : router.tracked()) {
    Json each{{"name", tracked.name()}, {"weight", tracked.weight()}};
    each["good"] = tracked.known() ? Json(tracked.good()) : Json(nullptr);
    each["reason"] = tracked.reason();
    json["tracked"].push_back(std::move(each));
  }
  const control::Hooks& hooks = router.hooks();
  json["hooks"] = router.has_hooks()
                      ? Json{{"run", hooks.run()},         {"failed", hooks.failed()},
                             {"skipped", hooks.skipped()}, {"refused", hooks.refused()},
                             {"running", hooks.running()}, {"last", hooks.last()}}
                      : Json(nullptr);
  json["transitions"] = router.transitions();
  json["history"] = std::vector(router.history().begin(), router.history().end());
  return json;
}

}  // namespace

std::string demotion_text(const control::Demotion& demotion) {
  std::string text = fmt::format("demoted by {} {} ago", demotion.by(), age(demotion.age_ms()));
  if (!demotion.reason().empty()) text += ": " + demotion.reason();
  return text;
}

std::string vrrp_text(const control::VrrpStatus& status) {
  std::string text = fmt::format("{}: vrrpd {}, up {}\n", status.node(), status.version(),
                                 age(status.uptime_ms()));
  if (status.has_demotion()) text += demotion_text(status.demotion()) + "\n";
  if (status.has_pair()) text += pair_text(status.pair());
  for (const VrrpRouter& router : status.routers()) text += "\n" + router_text(router);
  return text;
}

std::string vrrp_json(const control::VrrpStatus& status) {
  Json json{
      {"node", status.node()}, {"version", status.version()}, {"uptime_ms", status.uptime_ms()}};
  json["demoted"] = status.has_demotion() ? Json{{"by", status.demotion().by()},
                                                 {"reason", status.demotion().reason()},
                                                 {"age_ms", status.demotion().age_ms()}}
                                          : Json(nullptr);
  json["lbcore"] = Json{{"connected", status.lbcore_connected()},
                        {"serving", status.lbcore_serving()},
                        {"reason", status.lbcore_reason()}};
  json["pair_path"] = status.has_pair() ? pair_json(status.pair()) : Json(nullptr);
  json["routers"] = Json::array();
  for (const VrrpRouter& router : status.routers()) json["routers"].push_back(router_json(router));
  return json_text(json);
}

}  // namespace hapair::pairadm
