#include "tools/pairadm/problems.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tools/pairadm/human.h"
#include "tools/pairadm/listing.h"
#include "tools/pairadm/vrrp_view.h"

namespace hapair::pairadm {

namespace {

const NodeView* fresh_peer(const StatusView& view) {
  const bool there = view.nodes.size() > 1 && view.nodes[1].known && !view.nodes[1].stale;
  return there ? &view.nodes[1] : nullptr;
}

const role::Router* find_router(const NodeView& node, const std::string& name) {
  const auto at = std::ranges::find_if(
      node.routers, [&](const role::Router& router) { return router.name() == name; });
  return at == node.routers.end() ? nullptr : &*at;
}

class Finder {
 public:
  Finder(const Answers& answers, const StatusView& view)
      : answers_(answers), own_(view.nodes.front()), view_(view), peer_(fresh_peer(view)) {}

  std::vector<Problem> run() {
    demotion();
    roles();
    daemons();
    peer();
    sync();
    services();
    servers();
    differences();
    return std::move(found_);
  }

 private:
  void add(std::string kind, std::string text) {
    found_.push_back({std::move(kind), std::move(text)});
  }

  void demotion() {
    if (own_.demotion)
      add("demoted", fmt::format("{} is {}; `pairadm restore` ends it", own_.name,
                                 demotion_text(*own_.demotion)));
  }

  /// Two answering, or nobody. The peer's word counts only when it is younger than our own last
  /// transition.
  void roles() {
    for (const auto& router : own_.routers) {
      if (router.state() == role::STATE_INITIALIZE)
        add("router_not_running",
            fmt::format("router {} on {} is in Initialize for {}: {}", router.name(), own_.name,
                        age(router.in_state_ms()), router.reason()));
      if (peer_ == nullptr || router.in_state_ms() <= *peer_->age_ms) continue;
      const role::Router* other = find_router(*peer_, router.name());
      if (other == nullptr) continue;
      const bool ours = router.state() == role::STATE_ACTIVE;
      const bool theirs = other->state() == role::STATE_ACTIVE;
      if (ours && theirs)
        add("two_active", fmt::format("router {} is Active on both nodes: they do not hear each "
                                      "other's advertisements",
                                      router.name()));
      if (!ours && !theirs)
        add("none_active", fmt::format("router {} is Active on neither node: {} is {}, {} is {}",
                                       router.name(), own_.name, state_text(router.state()),
                                       peer_->name, state_text(other->state())));
    }
    if (peer_ == nullptr) return;
    for (const auto& router : peer_->routers)
      if (router.state() == role::STATE_INITIALIZE)
        add("router_not_running", fmt::format("router {} on {} is in Initialize: {}", router.name(),
                                              peer_->name, router.reason()));
  }

  void daemons() {
    const auto& vrrp = answers_.vrrpd.said;
    const auto& node = answers_.lbcore.said;
    if (!vrrp) add("vrrpd_down", answers_.vrrpd.silence);
    if (!node) add("lbcore_down", answers_.lbcore.silence);
    if (vrrp && vrrp->routers().empty())
      add("no_router", fmt::format("{} has no virtual router: no [vrrp] section", own_.name));
    if (vrrp && !vrrp->pair().trouble().empty())
      add("pair_path", fmt::format("pair path of {}: {}", own_.name, vrrp->pair().trouble()));
    if (vrrp && node && !(vrrp->lbcore_connected() && node->vrrpd_connected()))
      add("daemons_apart",
          fmt::format("vrrpd and lbcore of {} run but are not connected to each other", own_.name));
    if (node && !node->serving())
      add("not_serving",
          fmt::format("lbcore of {} does not serve: {}", own_.name, node->not_serving_reason()));
    if (node)
      for (const auto& trouble : node->troubles())
        add("not_seen", fmt::format("lbcore of {}: {}", own_.name, trouble));
    if (peer_ == nullptr) return;
    const control::NodeStatus& theirs = node->peer();
    if (!theirs.vrrpd_connected())
      add("peer_vrrpd_down",
          fmt::format("vrrpd of {} is not connected to its lbcore", peer_->name));
    if (!theirs.serving())
      add("peer_not_serving",
          fmt::format("lbcore of {} does not serve: {}", peer_->name, theirs.not_serving_reason()));
  }

  void peer() {
    if (view_.nodes.size() < 2 || peer_ != nullptr) return;
    const NodeView& absent = view_.nodes[1];
    if (absent.known)
      add("peer_silent", fmt::format("{} was last heard {} ago", absent.name, age(*absent.age_ms)));
    else
      add("peer_silent", fmt::format("{} has not been heard since lbcore started", absent.name));
  }

  void sync() {
    const auto& node = answers_.lbcore.said;
    if (!node || !has_peer(node->sync()) || node->sync().state() == "synced") return;
    const control::Sync& sync = node->sync();
    add("not_synced", fmt::format("sessions are not synced with {}: {}{}{}", sync.peer(),
                                  sync.state(), sync.detail().empty() ? "" : ": ", sync.detail()));
  }

  static bool usable(const control::Server& server) { return server.up() && !taken_out(server); }

  void services() {
    const auto of_node = [&](const NodeView& node) {
      for (const auto& service : node.services) {
        const std::string what = fmt::format("service {} ({}) on {}", service.name(),
                                             service_text(service.key()), node.name);
        if (!service.trouble().empty())
          add("service_trouble", fmt::format("{}: {}", what, service.trouble()));
        if (service.servers().empty())
          add("no_server", fmt::format("{} has no server", what));
        else if (std::ranges::none_of(service.servers(), usable))
          add("no_usable_server",
              fmt::format("{} has no server that is up and takes connections", what));
      }
    };
    of_node(own_);
    if (peer_ != nullptr) of_node(*peer_);
  }

  /// One line per server, whether one node or both see it down. One that was taken out on
  /// purpose does not count.
  void servers() {
    struct Down {
      const control::Server* server = nullptr;
      std::vector<std::string> seen_by;
    };
    std::map<std::pair<std::string, std::string>, Down> down;
    const auto look = [&](const NodeView& node) {
      std::set<std::pair<std::string, std::string>> counted;  // services may share a pool
      for (const auto& service : node.services) {
        for (const auto& server : service.servers()) {
          const std::pair key(service.pool(), server.address());
          if (server.up() || taken_out(server) || !counted.insert(key).second) continue;
          Down& entry = down[key];
          if (entry.server == nullptr) entry.server = &server;
          entry.seen_by.push_back(node.name);
        }
      }
    };
    look(own_);
    if (peer_ != nullptr) look(*peer_);
    for (const auto& [key, entry] : down) {
      const control::Server& server = *entry.server;
      const std::string seen_by =
          entry.seen_by.size() > 1
              ? std::string("both nodes")
              : fmt::format("{}{}", entry.seen_by.front(), peer_ != nullptr ? " only" : "");
      add("server_down",
          fmt::format("server {} of pool {} is down for {}, seen by {}: {}", key.second, key.first,
                      age(server.in_state_ms()), seen_by,
                      server.check().empty() ? "no check result yet" : server.check()));
    }
  }

  void differences() {
    if (peer_ == nullptr) return;
    const control::NodeStatus& ours = *answers_.lbcore.said;
    const control::NodeStatus& theirs = ours.peer();
    if (ours.config_hash() != theirs.config_hash())
      add("config_differs",
          fmt::format("the configuration files of {} and {} differ", own_.name, peer_->name));
    if (ours.version() != theirs.version())
      add("version_differs", fmt::format("{} runs hapair {}, {} runs {}", own_.name, ours.version(),
                                         peer_->name, theirs.version()));
    for (const auto* node : {&ours, &theirs})
      if (!node->runtime_trouble().empty())
        add("runtime_trouble", fmt::format("what was changed at run time does not run on {}: {}",
                                           node->node(), node->runtime_trouble()));
    table_differs(own_, *peer_);
    table_differs(*peer_, own_);
  }

  /// Services and servers that `here` has and `there` has not; other differences once, named from
  /// this node's side.
  void table_differs(const NodeView& here, const NodeView& there) {
    for (const auto& service : here.services) {
      const std::string what = service_text(service.key());
      const auto other = std::ranges::find_if(there.services, [&](const control::Service& each) {
        return service_text(each.key()) == what;
      });
      if (other == there.services.end()) {
        add("table_differs", fmt::format("service {} exists on {} only", what, here.name));
        continue;
      }
      if (here.own && (service.scheduler() != other->scheduler() ||
                       service.sticky_seconds() != other->sticky_seconds() ||
                       service.sticky_prefix_length() != other->sticky_prefix_length()))
        add("table_differs",
            fmt::format("service {}: scheduler or sticky sessions differ between {} and {}", what,
                        here.name, there.name));
      servers_differ(what, service, *other, here, there);
    }
  }

  void servers_differ(const std::string& service_name, const control::Service& service,
                      const control::Service& other, const NodeView& here, const NodeView& there) {
    for (const auto& server : service.servers()) {
      const auto same = std::ranges::find_if(other.servers(), [&](const control::Server& each) {
        return each.address() == server.address();
      });
      if (same == other.servers().end())
        add("table_differs", fmt::format("server {} of {} exists on {} only", server.address(),
                                         service_name, here.name));
      else if (here.own && same->weight() != server.weight())
        add("table_differs",
            fmt::format("server {} of {} has weight {} on {}, {} on {}", server.address(),
                        service_name, server.weight(), here.name, same->weight(), there.name));
      else if (here.own && same->admin() != server.admin())
        add("table_differs",
            fmt::format("server {} of {}: {} on {}, {} on {}", server.address(), service_name,
                        server.admin(), here.name, same->admin(), there.name));
    }
  }

  const Answers& answers_;
  const NodeView& own_;
  const StatusView& view_;
  const NodeView* peer_;  // null when there is none, or nothing fresh of it
  std::vector<Problem> found_;
};

}  // namespace

std::vector<Problem> find_problems(const Answers& answers, const StatusView& view) {
  return Finder(answers, view).run();
}

}  // namespace hapair::pairadm
