// The status for people: the summary, a block per node, the problems.
#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>

#include "common/units.h"
#include "tools/pairadm/human.h"
#include "tools/pairadm/listing.h"
#include "tools/pairadm/status_view.h"
#include "tools/pairadm/vrrp_view.h"

namespace hapair::pairadm {

namespace {

std::string router_text(const role::Router& router) {
  const std::string reason = router.reason().empty() ? "" : fmt::format(" ({})", router.reason());
  std::string text = fmt::format("  router {}: {} for {}{}\n", router.name(),
                                 state_text(router.state()), age(router.in_state_ms()), reason);
  text += fmt::format("    {} on {}, vrid {}, priority {}\n",
                      router.addresses().empty()
                          ? "no address"
                          : fmt::format("{}", fmt::join(router.addresses(), ", ")),
                      router.interface(), router.vrid(), router.priority());
  if (!router.peer().empty()) text += fmt::format("    other router: {}\n", router.peer());
  return text;
}

/// Counters, and how the router came here: the current state is told already.
std::string details_text(const control::VrrpRouter& router) {
  constexpr int kEarlier = 3;
  std::string text =
      fmt::format("    advertisements: every {}, {} sent, {} received",
                  format_duration(std::chrono::microseconds(router.advert_interval_us())),
                  with_commas(router.sent()), with_commas(router.received()));
  const std::map<std::string, uint64_t> refused(router.refused().begin(), router.refused().end());
  for (const auto& [reason, times] : refused)
    if (times > 0) text += fmt::format(", {} refused ({})", with_commas(times), reason);
  text += '\n';
  if (!router.priority_why().empty())
    text += fmt::format("    effective priority: {} = {}\n", router.effective_priority(),
                        router.priority_why());
  for (const auto& tracked : router.tracked())
    if (tracked.known() && !tracked.good())
      text += fmt::format("    {}: {}\n", tracked.name(), tracked.reason());
  const int newest = router.history_size() - 1;
  for (int at = newest - 1; at >= 0 && at >= newest - kEarlier; --at)
    text += fmt::format("    earlier: {}\n", router.history(at));
  return text;
}

std::string sync_text(const control::Sync& sync) {
  if (!has_peer(sync))
    return fmt::format("  sync: no peer, {} on this node\n", count(sync.sessions(), "session"));
  std::string text = fmt::format("  sync: {} with {}, {}, lag {}, {} ms", sync.state(), sync.peer(),
                                 count(sync.sessions(), "session"),
                                 count(sync.lag_entries(), "change"), with_commas(sync.lag_ms()));
  if (sync.resyncs() > 0) text += fmt::format(", {}", count(sync.resyncs(), "resync"));
  if (sync.refused() > 0) text += fmt::format(", {} refused", with_commas(sync.refused()));
  text += '\n';
  if (!sync.detail().empty()) text += fmt::format("    last error: {}\n", sync.detail());
  return text;
}

/// Nothing while there is nothing to say: on the Active, until it has told somebody.
std::string orphans_text(const control::Orphans& orphans) {
  if (orphans.known() + orphans.told() + orphans.not_told() + orphans.left_out() == 0) return "";
  std::string text = fmt::format("  orphans: {} known, {} told", with_commas(orphans.known()),
                                 with_commas(orphans.told()));
  if (orphans.not_told() > 0) text += fmt::format(", {} not told", with_commas(orphans.not_told()));
  if (orphans.left_out() > 0) text += fmt::format(", {} left out", with_commas(orphans.left_out()));
  return text + '\n';
}

/// Only servers that need a word: down, or taking no new clients.
std::string server_text(const control::Server& server) {
  std::string text = fmt::format("    {} {} for {}", server.address(), server.up() ? "up" : "down",
                                 age(server.in_state_ms()));
  if (server.weight() == 0)
    text +=
        fmt::format(", weight 0: no new clients, {} open", with_commas(server.counters().active()));
  else if (taken_out(server))
    text += fmt::format(", {}: {}, {} open", server.admin(),
                        server.admin() == "drain" ? "no new clients" : "no clients",
                        with_commas(server.counters().active()));
  if (!server.ejected().empty())
    text += fmt::format(", ejected for another {}: {}", age(server.ejected_ms()), server.ejected());
  if (!server.up() && server.check().empty()) text += ", no check result yet";
  if (!server.up() && !server.check().empty())
    text += fmt::format(", {} ({} ago)", server.check(), age(server.check_age_ms()));
  return text + '\n';
}

std::string service_block(const control::Service& service) {
  const auto up = std::ranges::count_if(service.servers(), [](const auto& s) { return s.up(); });
  std::string text = fmt::format("  service {}: {}", service.name(), service_text(service.key()));
  if (service.pool() != service.name()) text += fmt::format(", pool {}", service.pool());
  text += fmt::format(", {}", service.scheduler());
  if (service.sticky_seconds() > 0)
    text +=
        fmt::format(", sticky /{} {} s", service.sticky_prefix_length(), service.sticky_seconds());
  text += fmt::format(", servers {}/{} up, {}", up, service.servers_size(),
                      count(service.counters().active(), "connection"));
  if (service.sticky_seconds() > 0)
    text += fmt::format(", {}", count(service.sessions(), "session"));
  if (service.runtime()) text += ", changed at run time";
  text += '\n';
  if (!service.trouble().empty()) text += fmt::format("    not listening: {}\n", service.trouble());
  if (!service.all_down().empty()) text += fmt::format("    {}\n", service.all_down());
  for (const auto& server : service.servers())
    if (!server.up() || taken_out(server) || !server.ejected().empty()) text += server_text(server);
  return text;
}

std::string node_block(const NodeView& node) {
  std::string title = node.own ? "this node" : "peer";
  if (node.age_ms) title += fmt::format(", heard {} ago", age(*node.age_ms));
  if (node.stale) title += ": what follows is old";
  if (!node.own && !node.known) title += ", never heard";
  std::string text = fmt::format("{} ({})\n", node.name, title);
  if (!node.known && !node.own) return text;
  if (node.known) text += fmt::format("  hapair {}, up {}\n", node.version, age(node.uptime_ms));
  text += fmt::format("  vrrpd: {}\n  lbcore: {}\n", node.vrrpd, node.lbcore);
  if (node.demotion) text += fmt::format("  {}\n", demotion_text(*node.demotion));
  for (const auto& router : node.routers) {
    text += router_text(router);
    for (const auto& detail : node.details)
      if (detail.router().name() == router.name()) text += details_text(detail);
  }
  if (node.sync) text += sync_text(*node.sync);
  if (node.differences > 0)
    text += fmt::format("  changed at run time: {} from the file (pairadm diff)\n",
                        count(node.differences, "difference"));
  if (node.orphans) text += orphans_text(*node.orphans);
  for (const auto& service : node.services) text += service_block(service);
  return text;
}

}  // namespace

std::string status_text(const StatusView& view) {
  std::string text = view.summary + "\n\n";
  for (const auto& node : view.nodes) text += node_block(node) + "\n";
  if (view.healthy()) return text + "no problems\n";
  text += "problems:\n";
  for (const auto& problem : view.problems) text += fmt::format("  - {}\n", problem.text);
  return text;
}

}  // namespace hapair::pairadm
