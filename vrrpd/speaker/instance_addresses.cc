// An instance's VIPs: added, renewed, announced and put back, some at each turn of the loop, so
// that the advertisements go on between; removed all at once, because the peer answers for them
// next.
#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

namespace {

std::vector<IpAddress> ips_of(std::span<const Prefix> addresses) {
  std::vector<IpAddress> out;
  out.reserve(addresses.size());
  for (const Prefix& address : addresses) out.push_back(address.ip);
  return out;
}

}  // namespace

Status Instance::execute(const AddAddresses&) {
  if (installed_.empty()) installed_ = plan_addresses();
  around_.on_testament();
  around_.cell.holds.store(true);
  install_.begin(installed_);
  return install_some();
}

/// One turn: what one send adds, announced if the pass is to be announced.
Status Instance::install_some() {
  const auto turn = install_.next();
  if (Status added = around_.kernel.add(vip_interface(), turn); !added) {
    install_turn_.disarm();
    return added;
  }
  if (install_.announcing()) {
    announcer_.announce_once(vip_interface(), vip_mac(), ips_of(turn));
  }
  if (!install_.done()) {
    install_turn_.arm(around_.loop.now());  // after what waits by then, advertisements among it
    return {};
  }
  if (install_.announcing()) {
    announcer_.repeat(vip_interface(), vip_mac(), ips_of(config_.all_addresses()),
                      config_.announcements, config_.announce_interval);
  }
  install_.finish();
  add_routes();
  if (fsm_.adopting()) around_.on_role();  // all of them are here
  return {};
}

void Instance::on_install_turn() {
  if (!fsm_.holds_addresses() || install_.done()) return;
  if (const Status added = install_some(); !added) {
    around_.log.environment(subsystem_, "{}", added.error().message);
    feed(ActionFailed{added.error().message});
  }
}

Status Instance::execute(const RemoveAddresses&) {
  announcer_.stop();
  install_turn_.disarm();
  install_.cancel();
  // Neither renewed nor resumed from here on.
  around_.cell.holds.store(false);
  around_.on_testament();
  remove_routes(routes_to_remove(config_));
  const Status removed = around_.kernel.remove(vip_interface(), installed_);
  // Not a reason to stay: without renewal the kernel drops them within the lease.
  if (!removed) around_.log.environment(subsystem_, "{}", removed.error().message);
  installed_.clear();
  return {};
}

Status Instance::execute(const Announce&) {
  if (!install_.done()) {
    // Those that are there already; the others as they come.
    announcer_.stop();
    announcer_.announce_once(vip_interface(), vip_mac(), ips_of(install_.given()));
    install_.announce();
    return {};
  }
  announcer_.announce(vip_interface(), vip_mac(), ips_of(config_.all_addresses()),
                      config_.announcements, config_.announce_interval);
  return {};
}

void Instance::on_address_removed(int interface, const IpAddress& ip) {
  if (interface != vip_interface() || role() != Role::active || fsm_.away()) return;
  const bool ours = std::any_of(installed_.begin(), installed_.end(),
                                [&](const Prefix& vip) { return vip.ip == ip; });
  if (ours) install_.hurry(ip);
}

/// All that one reading of the kernel's news found missing, in one go.
void Instance::reinstate() {
  if (!install_.any_lost()) return;
  around_.log.environment(subsystem_, "{} removed from {}, by somebody or by the end of the lease",
                          install_.lost(), vip_interface_name());
  feed(AddressLost{});
}

std::vector<Prefix> Instance::plan_addresses() const {
  const std::vector<Prefix> native = interface_.native();
  std::vector<Prefix> out;
  for (const Prefix& vip : config_.all_addresses()) {
    const bool own = std::any_of(native.begin(), native.end(),
                                 [&](const Prefix& address) { return address.ip == vip.ip; });
    // The owner's addresses are the interface's own: nothing to add, nothing to take away.
    if (own && config_.parameters.priority == kOwnerPriority) continue;
    out.push_back(installed_form(vip, native));
  }
  return out;
}

/// After a reload: what is gone goes, what is new comes, what stays is not touched.
void Instance::change_addresses() {
  if (!fsm_.holds_addresses()) return;
  const std::vector<Prefix> before = std::exchange(installed_, plan_addresses());
  std::vector<Prefix> gone;
  std::copy_if(before.begin(), before.end(), std::back_inserter(gone), [&](const Prefix& vip) {
    return std::find(installed_.begin(), installed_.end(), vip) == installed_.end();
  });
  around_.on_testament();  // what goes is not renewed
  const Status removed = around_.kernel.remove(vip_interface(), gone);
  if (!removed) around_.log.environment(subsystem_, "{}", removed.error().message);
  feed(AddressLost{});  // adds what is new, announces
}

}  // namespace hapair::vrrp
