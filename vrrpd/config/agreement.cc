#include "vrrpd/config/agreement.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "vrrpd/hooks/runners.h"

namespace hapair::vrrp {

namespace {

using config::Section;

/// Two virtual routers, one identity.
void refuse_twins(const config::Config& file, const std::vector<RouterConfig>& routers,
                  const Complain& complain) {
  for (size_t i = 0; i < routers.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const RouterConfig& one = routers[i];
      const RouterConfig& other = routers[j];
      const Section& section = *file.find("vrrp", one.name);
      // RFC 9568 section 5.2.3: IPv4 and IPv6 number their virtual routers each for itself.
      if (one.interface == other.interface && one.vrid == other.vrid &&
          one.family == other.family) {
        complain(section.error("vrid", fmt::format("{} on {} is taken by [vrrp {}]", one.vrid,
                                                   one.interface, other.name)));
      }
    }
  }
}

void refuse_shared_vips(const config::Config& file, const std::vector<RouterConfig>& routers,
                        const Complain& complain) {
  std::map<IpAddress, std::string> owners;
  for (const RouterConfig& router : routers) {
    const Section& section = *file.find("vrrp", router.name);
    for (const auto& [key, vips] : {std::pair{"addresses", &router.addresses},
                                    std::pair{"extra_addresses", &router.extra_addresses}}) {
      for (const Prefix& vip : *vips) {
        const auto [owner, first] = owners.emplace(vip.ip, router.name);
        if (first || owner->second == router.name) continue;
        complain(section.error(key, fmt::format("{} belongs to [vrrp {}] already",
                                                vip.ip.to_string(), owner->second)));
      }
    }
  }
}

void check_tracks(const config::Config& file, const DaemonConfig& config,
                  const Complain& complain) {
  for (const RouterConfig& router : config.routers) {
    for (const std::string& track : router.track) {
      if (std::ranges::find(config.scripts, track, &TrackScript::name) != config.scripts.end())
        continue;
      complain(file.find("vrrp", router.name)
                   ->error("track", fmt::format("there is no section [track {}]", track)));
    }
  }
  if (config.hook_users().size() > kMostHookUsers) {
    complain(Error{fmt::format("{}: hooks and scripts name {} users; valid: at most {}",
                               file.path(), config.hook_users().size(), kMostHookUsers)});
  }
}

/// Routers that move together must want the same, or each of two nodes could want half of them.
void refuse_uneven_groups(const config::Config& file, const std::vector<RouterConfig>& routers,
                          const Complain& complain) {
  std::map<std::string, const RouterConfig*> first_of;
  for (const RouterConfig& router : routers) {
    if (router.group.empty()) continue;
    const auto [at, is_first] = first_of.emplace(router.group, &router);
    if (is_first) continue;
    const RouterConfig& first = *at->second;
    const Section& section = *file.find("vrrp", router.name);
    if (router.parameters.priority != first.parameters.priority) {
      complain(section.error(
          "priority",
          fmt::format("{} differs from {} of [vrrp {}] in group {}; valid: one priority in a group",
                      router.parameters.priority, first.parameters.priority, first.name,
                      router.group)));
    }
    if (router.parameters.preempt != first.parameters.preempt) {
      complain(section.error("preempt",
                             fmt::format("differs from [vrrp {}] in group {}; valid: the same in "
                                         "a group",
                                         first.name, router.group)));
    }
  }
}

}  // namespace

void check_agreement(const config::Config& file, const DaemonConfig& config,
                     const Complain& complain) {
  refuse_twins(file, config.routers, complain);
  refuse_shared_vips(file, config.routers, complain);
  refuse_uneven_groups(file, config.routers, complain);
  check_tracks(file, config, complain);
}

void share_tracks(std::vector<RouterConfig>& routers) {
  for (RouterConfig& one : routers) {
    for (const RouterConfig& other : routers) {
      if (one.group.empty() || other.group != one.group) continue;
      for (const std::string& track : other.track) {
        if (std::ranges::find(one.track, track) == one.track.end()) one.track.push_back(track);
      }
      for (const TrackInterface& link : other.track_interfaces) {
        if (std::ranges::find(one.track_interfaces, link.name, &TrackInterface::name) ==
            one.track_interfaces.end()) {
          one.track_interfaces.push_back(link);
        }
      }
    }
  }
}

}  // namespace hapair::vrrp
