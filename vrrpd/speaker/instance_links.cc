// What the interfaces mean to an instance: its own and those that it tracks, each debounced.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "common/units.h"
#include "vrrpd/speaker/instance.h"
#include "vrrpd/speaker/source_address.h"

namespace hapair::vrrp {

namespace {

std::string thing_name(const std::string& interface) {
  return "interface " + interface;
}

/// Why it is not up; "" when it is.
std::string trouble_of(const Interface* found) {
  if (found == nullptr) return "does not exist";
  if (!found->up) return "is down";
  if (!found->carrier) return "has no carrier";
  return {};
}

std::string not_for_long(Duration debounce) {
  return fmt::format("has carrier again, for less than {} (link_debounce)",
                     format_duration(debounce));
}

}  // namespace

/// All that it knows of the links, from the kernel's present word.
void Instance::see_links(const LinkMonitor& monitor) {
  monitor_ = &monitor;
  const TimePoint now = around_.loop.now();
  const Duration debounce = config_.link_debounce;
  std::optional<TimePoint> next;
  const auto see = [&](const std::string& name) {
    LinkDebounce& link = links_[name];
    link.see(trouble_of(monitor.find(name)).empty(), now);
    const auto due = link.due(now, debounce);
    if (due && (!next || *due < *next)) next = due;
  };
  see(config_.interface);
  for (const TrackInterface& tracked : config_.track_interfaces) {
    see(tracked.name);
    std::string reason = trouble_of(monitor.find(tracked.name));
    const bool good = links_[tracked.name].counts_as_up(now, debounce);
    if (reason.empty()) reason = not_for_long(debounce);
    on_tracked(thing_name(tracked.name),
               {.weight = tracked.weight, .good = good, .reason = std::move(reason)});
  }
  if (next) link_due_.arm(*next);
}

void Instance::forget_links() {
  forget_tracked([&](const std::string& known) {
    return !known.starts_with(thing_name("")) ||
           std::ranges::any_of(config_.track_interfaces, [&](const TrackInterface& tracked) {
             return thing_name(tracked.name) == known;
           });
  });
}

std::string Instance::link_trouble(const Interface* found) {
  const std::string& interface = config_.interface;
  if (const std::string trouble = trouble_of(found); !trouble.empty()) {
    return interface + " " + trouble;
  }
  if (!links_[interface].counts_as_up(around_.loop.now(), config_.link_debounce)) {
    return interface + " " + not_for_long(config_.link_debounce);
  }
  if (const auto source = source_address(*found, config_); !source) return source.error();
  return {};
}

}  // namespace hapair::vrrp
