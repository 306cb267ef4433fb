#include "vrrpd/speaker/groups.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hapair::vrrp {

size_t Groups::View::index_of(const std::string& router) const {
  const auto at = std::find_if(members.begin(), members.end(),
                               [&](const auto& member) { return member.name == router; });
  return static_cast<size_t>(at - members.begin());
}

Groups::View Groups::view(const std::string& group) const {
  View out;
  for (const auto& [name, instance] : instances_) {
    if (instance->config().group != group || instance->leaving()) continue;
    out.routers.push_back(instance.get());
    out.members.push_back(Group::see(name, instance->fsm(), loop_.now()));
  }
  return out;
}

std::string Groups::group_of(const std::string& router) const {
  const auto at = instances_.find(router);
  return at == instances_.end() || at->second->leaving() ? "" : at->second->config().group;
}

void Groups::hand_out(const View& view, const Group::Orders& orders) {
  for (const auto& [index, event] : orders) view.routers[index]->on_group(event);
}

std::string Groups::holds(const std::string& router) {
  const std::string group = group_of(router);
  if (group.empty()) return {};
  // An advertisement that waits unread in another router's socket is a sign of life all the same.
  for (Instance* other : view(group).routers) {
    if (other->config().name != router) other->hear_what_waits();
  }
  const View now = view(group);
  return Group(group).holds(now.members, now.index_of(router));
}

void Groups::moved(const std::string& router, Role from) {
  const std::string group = group_of(router);
  if (group.empty()) return;
  settle();
  const View now = view(group);
  hand_out(now, Group(group).moved(now.members, now.index_of(router), from));
}

void Groups::settle() {
  again_ = true;
  if (std::exchange(settling_, true)) return;  // called by what is done here
  while (std::exchange(again_, false)) {
    std::set<std::string> groups;
    for (const auto& [name, instance] : instances_) {
      if (!instance->config().group.empty()) {
        groups.insert(instance->config().group);
      } else {
        instance->on_group(FaultChanged{.fault = Fault::group, .reason = {}});
      }
    }
    for (const std::string& group : groups) {
      const View now = view(group);
      hand_out(now, Group(group).troubles(now.members));
    }
  }
  settling_ = false;
}

void Groups::reunite() {
  std::set<std::string> groups;
  for (const auto& [name, instance] : instances_) groups.insert(instance->config().group);
  groups.erase("");
  for (const std::string& group : groups) {
    const View now = view(group);
    hand_out(now, Group(group).reunite(now.members, loop_.now()));
  }
}

}  // namespace hapair::vrrp
