#include "vrrpd/speaker/source_address.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace hapair::vrrp {

namespace {

/// What serves for this router at all, in the kernel's order.
std::vector<const OwnAddress*> candidates(const Interface& interface, const RouterConfig& router) {
  const bool global = router.peer && !router.peer->is_link_local();
  std::vector<const OwnAddress*> out;
  for (const OwnAddress& own : interface.addresses) {
    const IpAddress& ip = own.prefix.ip;
    if (ip.family() != router.family || own.marked || own.secondary) continue;
    if (ip.is_v6() && ip.is_link_local() == global) continue;
    out.push_back(&own);
  }
  // An owner's VIP is its own address, but the one to use only when there is no other.
  const auto vips = std::stable_partition(out.begin(), out.end(), [&](const OwnAddress* own) {
    return !router.is_vip(own->prefix.ip);
  });
  if (router.parameters.priority != kOwnerPriority) out.erase(vips, out.end());
  return out;
}

std::string what_is_missing(const RouterConfig& router) {
  if (router.family == AF_INET) return "IPv4 address of its own";
  if (!router.peer || router.peer->is_link_local()) return "IPv6 link-local address of its own";
  return fmt::format("global IPv6 address of its own, to reach {}", router.peer->to_string());
}

}  // namespace

tl::expected<IpAddress, std::string> source_address(const Interface& interface,
                                                    const RouterConfig& router) {
  const auto all = candidates(interface, router);
  const auto usable = [](const OwnAddress* own) { return !own->tentative && !own->duplicate; };
  if (router.family == AF_INET6 && router.peer) {
    for (const OwnAddress* own : all) {
      if (usable(own) && own->prefix.contains(*router.peer)) return own->prefix.ip;
    }
  }
  const auto first = std::find_if(all.begin(), all.end(), usable);
  if (first != all.end()) return (*first)->prefix.ip;
  if (all.empty()) {
    return tl::unexpected(fmt::format("{} has no {}", interface.name, what_is_missing(router)));
  }
  return tl::unexpected(
      fmt::format("{} on {} {}", all.front()->prefix.ip.to_string(), interface.name,
                  all.front()->duplicate ? "is a duplicate of another machine's address"
                                         : "is still being checked for duplicates"));
}

}  // namespace hapair::vrrp
