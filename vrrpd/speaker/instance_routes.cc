// An instance's virtual routes: there while it holds its VIPs. One that the kernel refuses is a
// line in the log and tried again twice a second: without it the node serves what it can, and the
// other node has the same configuration.
#include <algorithm>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

namespace {

/// To the networks of the VIPs, which are /32 on the interface; once each.
std::vector<VirtualRoute> network_routes(std::span<const Prefix> vips, const std::string& dev) {
  std::vector<VirtualRoute> out;
  for (const Prefix& vip : vips) {
    if (!vip.ip.is_v4() || vip.length == vip.ip.bits()) continue;
    const Prefix network{.ip = vip.ip.masked(vip.length), .length = vip.length};
    if (std::ranges::find(out, network, &VirtualRoute::to) != out.end()) continue;
    out.push_back({.to = network, .dev = dev, .src = vip.ip});
  }
  return out;
}

std::vector<VirtualRoute> joined(std::vector<VirtualRoute> first,
                                 const std::vector<VirtualRoute>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

/// What an Active has: to the networks in which the interface has no address of its own, and those
/// of the configuration, which may lead through them.
std::vector<VirtualRoute> Instance::routes_to_hold() const {
  const std::vector<Prefix> native = interface_.native();
  std::vector<Prefix> foreign;
  for (const Prefix& vip : config_.all_addresses()) {
    const bool covered =
        std::ranges::any_of(native, [&](const Prefix& own) { return own.contains(vip.ip); });
    if (!covered) foreign.push_back(vip);
  }
  return joined(network_routes(foreign, vip_interface_name()), config_.routes);
}

/// What it may have left, whatever addresses the interface had then.
std::vector<VirtualRoute> Instance::routes_to_remove(const RouterConfig& config) {
  auto networks = network_routes(
      config.all_addresses(), config.virtual_mac ? config.virtual_mac_interface : config.interface);
  for (VirtualRoute& route : networks) route.src.reset();  // any
  std::vector<VirtualRoute> out = joined(config.routes, networks);
  return out;
}

/// After the VIPs: a route may have one of them as its source.
void Instance::add_routes() {
  const auto routes = routes_to_hold();
  if (routes.empty()) return;
  const auto added = around_.routes.add(routes);
  routes_refused_ = !added;
  if (added || !failure_lines_.allow(around_.loop.now())) return;
  around_.log.environment(subsystem_, "{}", added.error().message);
}

void Instance::retry_routes() {
  if (routes_refused_ && fsm_.holds_addresses() && install_.done()) add_routes();
}

/// Before the VIPs.
void Instance::remove_routes(const std::vector<VirtualRoute>& routes) {
  if (routes.empty()) return;
  const Status removed = around_.routes.remove(routes);
  if (!removed) around_.log.environment(subsystem_, "{}", removed.error().message);
}

void Instance::on_route_removed() {
  if (!fsm_.holds_addresses() || !install_.done()) return;
  const auto added = around_.routes.add(routes_to_hold());
  if (added && *added > 0) {
    around_.log.environment(subsystem_, "{} of its routes had been removed by somebody: put back",
                            *added);
  }
}

/// After a reload.
void Instance::change_routes(const RouterConfig& before) {
  if (!fsm_.holds_addresses()) return;
  const auto stays = routes_to_remove(config_);
  std::vector<VirtualRoute> gone;
  std::ranges::copy_if(
      routes_to_remove(before), std::back_inserter(gone),
      [&](const VirtualRoute& route) { return std::ranges::find(stays, route) == stays.end(); });
  remove_routes(gone);
  if (install_.done()) add_routes();
}

}  // namespace hapair::vrrp
