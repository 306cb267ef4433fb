// An instance's virtual routes: there while it holds its VIPs. One that the kernel refuses is a
// line in the log and tried again at every renewal: without it the node serves what it can, and the
// other node has the same configuration.
#include <algorithm>
#include <iterator>
#include <vector>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

/// After the VIPs: a route may have one of them as its source.
void Instance::add_routes() {
  if (config_.routes.empty()) return;
  const auto added = around_.routes.add(config_.routes);
  if (added || !failure_lines_.allow(around_.loop.now())) return;
  around_.log.environment(subsystem_, "{}", added.error().message);
}

/// Before the VIPs.
void Instance::remove_routes(const std::vector<VirtualRoute>& routes) {
  if (routes.empty()) return;
  const Status removed = around_.routes.remove(routes);
  if (!removed) around_.log.environment(subsystem_, "{}", removed.error().message);
}

void Instance::on_route_removed() {
  if (role() != Role::active || config_.routes.empty() || !install_.done()) return;
  const auto added = around_.routes.add(config_.routes);
  if (added && *added > 0) {
    around_.log.environment(subsystem_, "{} of its routes had been removed by somebody: put back",
                            *added);
  }
}

/// After a reload.
void Instance::change_routes(const std::vector<VirtualRoute>& before) {
  if (role() != Role::active || before == config_.routes) return;
  std::vector<VirtualRoute> gone;
  std::ranges::copy_if(before, std::back_inserter(gone), [&](const VirtualRoute& route) {
    return std::ranges::find(config_.routes, route) == config_.routes.end();
  });
  remove_routes(gone);
  if (install_.done()) add_routes();
}

}  // namespace hapair::vrrp
