#include "tools/pairadm/status_view.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tools/pairadm/human.h"
#include "tools/pairadm/problems.h"

namespace hapair::pairadm {

namespace {

using control::NodeStatus;

constexpr std::string_view kRunning = "running";
constexpr std::string_view kSilent =
    "no answer";  // why, and where it was looked for: among the problems

template <typename List>
auto copied(const List& list) {
  return std::vector(list.begin(), list.end());
}

/// vrrpd's own word counts; lbcore's copy of it stands in when vrrpd does not answer us but talks
/// to lbcore.
NodeView own_view(const Answers& answers) {
  const auto& vrrp = answers.vrrpd.said;
  const auto& node = answers.lbcore.said;
  NodeView view;
  view.name = answers.host;
  view.own = true;
  view.vrrpd = vrrp ? kRunning : kSilent;
  view.lbcore = node ? kRunning : kSilent;
  view.known = vrrp || node;
  if (node) {
    view.name = node->node();
    view.version = node->version();
    view.uptime_ms = node->uptime_ms();
    view.routers = copied(node->routers());
    view.sync = node->sync();
    if (node->has_orphans()) view.orphans = node->orphans();
    view.services = copied(node->services());
    view.differences = node->differences();
    view.runtime_trouble = node->runtime_trouble();
    if (!node->serving())
      view.lbcore = fmt::format("running, not serving: {}", node->not_serving_reason());
  }
  if (vrrp) {
    view.name = vrrp->node();
    if (!node) view.version = vrrp->version();
    if (!node) view.uptime_ms = vrrp->uptime_ms();
    view.details = copied(vrrp->routers());
    if (vrrp->has_demotion()) view.demotion = vrrp->demotion();
    view.routers.clear();
    for (const auto& each : vrrp->routers()) view.routers.push_back(each.router());
  }
  return view;
}

/// "lb2 10.255.0.2:7400" -> "lb2".
std::string peer_name(const control::Sync& sync) {
  return sync.peer().substr(0, sync.peer().find(' '));
}

/// Nothing when this node has no peer, or cannot know whether it has one.
std::optional<NodeView> peer_view(const NodeStatus& own) {
  if (!has_peer(own.sync()) && !own.has_peer()) return std::nullopt;
  NodeView view;
  view.name = peer_name(own.sync());
  if (own.has_peer()) {
    const NodeStatus& peer = own.peer();
    view.known = true;
    view.age_ms = own.peer_age_ms();
    view.stale = own.peer_age_ms() > kStaleMs;
    if (!peer.node().empty()) view.name = peer.node();
    view.version = peer.version();
    view.uptime_ms = peer.uptime_ms();
    view.vrrpd = peer.vrrpd_connected() ? std::string(kRunning) : "not connected to its lbcore";
    view.lbcore = peer.serving()
                      ? std::string(kRunning)
                      : fmt::format("running, not serving: {}", peer.not_serving_reason());
    view.routers = copied(peer.routers());
    view.sync = peer.sync();
    if (peer.has_orphans()) view.orphans = peer.orphans();
    view.services = copied(peer.services());
    view.differences = peer.differences();
    view.runtime_trouble = peer.runtime_trouble();
  }
  if (view.name.empty()) view.name = "the peer";
  return view;
}

/// "Active (main, since 3d 04:12, priority 150) and Backup (dmz, ...)"; brief for the peer:
/// "Backup".
std::string roles_text(const std::vector<role::Router>& routers, bool brief) {
  std::vector<std::string> parts;
  for (const auto state : {role::STATE_ACTIVE, role::STATE_BACKUP, role::STATE_INITIALIZE}) {
    std::vector<std::string> of_state;
    for (const auto& router : routers) {
      if (router.state() != state) continue;
      of_state.push_back(brief ? router.name()
                               : fmt::format("{}, since {}, priority {}", router.name(),
                                             age(router.in_state_ms()), router.priority()));
    }
    if (of_state.empty()) continue;
    const std::string name =
        fmt::format("{}{}", state == role::STATE_INITIALIZE ? "in " : "", state_text(state));
    const bool only = brief && of_state.size() == routers.size();
    parts.push_back(only ? name
                         : fmt::format("{} ({})", name, fmt::join(of_state, brief ? ", " : "; ")));
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::string own_summary(const Answers& answers, const NodeView& own) {
  if (!own.known) return fmt::format("{}: neither vrrpd nor lbcore answers on this node", own.name);
  if (!own.routers.empty())
    return fmt::format("{} is {}", own.name, roles_text(own.routers, false));
  if (!answers.vrrpd.said)
    return fmt::format("{} has no known role, vrrpd does not answer", own.name);
  return fmt::format("{} has no virtual router", own.name);
}

std::string peer_summary(const NodeView& peer) {
  if (!peer.known) return fmt::format("{} has not been heard", peer.name);
  const std::string_view verb = peer.stale ? "was" : "is";
  const std::string role =
      peer.routers.empty()
          ? fmt::format("{} {} without a known role", peer.name, verb)
          : fmt::format("{} {} {}", peer.name, verb, roles_text(peer.routers, true));
  if (peer.stale) return fmt::format("{} when last heard {} ago", role, age(*peer.age_ms));
  return fmt::format("{}, heard {} ago", role, age(*peer.age_ms));
}

/// Without lbcore nobody speaks for the peer but the advertisements that vrrpd hears.
std::string peer_by_vrrpd(const NodeView& own) {
  for (const auto& router : own.routers)
    if (!router.peer().empty()) return fmt::format("the other router is {}", router.peer());
  return "nothing is known of the peer";
}

std::string sessions_summary(const control::Sync& sync) {
  const std::string entries = with_commas(sync.sessions());
  if (!has_peer(sync)) return fmt::format("{} sessions, on this node only", entries);
  if (sync.state() == "synced") return fmt::format("sessions synced ({})", entries);
  return fmt::format("sessions not synced: {} ({})", sync.state(), entries);
}

}  // namespace

StatusView assess(const Answers& answers) {
  StatusView view;
  view.nodes.push_back(own_view(answers));
  const auto& node = answers.lbcore.said;
  auto peer = node ? peer_view(*node) : std::nullopt;

  view.summary = own_summary(answers, view.nodes.front());
  if (peer) view.summary += ", " + peer_summary(*peer);
  if (node) view.summary += "; " + sessions_summary(node->sync());
  if (!node && view.nodes.front().known)
    view.summary += fmt::format(", {}; lbcore does not answer", peer_by_vrrpd(view.nodes.front()));

  if (peer) view.nodes.push_back(std::move(*peer));
  view.problems = find_problems(answers, view);
  return view;
}

std::string service_text(const control::ServiceKey& key) {
  return fmt::format("{} {}", key.protocol() == control::PROTOCOL_UDP ? "UDP" : "TCP",
                     key.listen());
}

bool has_peer(const control::Sync& sync) {
  return !sync.state().empty() && sync.state() != "alone";
}

}  // namespace hapair::pairadm
