#include "vrrpd/election/group.h"

#include <algorithm>

#include <fmt/format.h>

namespace hapair::vrrp {

Group::Member Group::see(const std::string& name, const Fsm& fsm, TimePoint now) {
  Member out{.name = name,
             .role = fsm.role(),
             .reason = fsm.reason(),
             .trouble = fsm.own_trouble(),
             .wants = fsm.wants_role(now),
             .resigned_at = fsm.resigned_at(),
             .since = fsm.since(),
             .down_interval = fsm.down_interval()};
  if (fsm.last_heard()) out.heard_at = fsm.last_heard()->at;
  return out;
}

Group::Orders Group::troubles(std::span<const Member> members) const {
  Orders out;
  for (size_t i = 0; i < members.size(); ++i) {
    std::string why;
    for (size_t j = 0; j < members.size() && why.empty(); ++j) {
      if (j == i || members[j].trouble.empty()) continue;
      why = fmt::format("group {}: {}: {}", name_, members[j].name, members[j].trouble);
    }
    out.emplace_back(i, FaultChanged{.fault = Fault::group, .reason = std::move(why)});
  }
  return out;
}

Group::Orders Group::moved(std::span<const Member> members, size_t member, Role from) const {
  Orders out;
  const Member& mover = members[member];
  for (size_t i = 0; i < members.size(); ++i) {
    if (i == member) continue;
    if (mover.role == Role::active && members[i].role == Role::backup) {
      out.emplace_back(i, GroupTakesOver{fmt::format("group {}: follows {}", name_, mover.name)});
    } else if (from == Role::active && mover.role != Role::active &&
               members[i].role == Role::active) {
      out.emplace_back(
          i, GroupYields{fmt::format("group {}: {}: {}", name_, mover.name, mover.reason)});
    }
  }
  return out;
}

std::string Group::holds(std::span<const Member> members, size_t member) const {
  std::optional<TimePoint> resigned;
  for (const Member& one : members) {
    if (one.resigned_at && (!resigned || *one.resigned_at > *resigned)) resigned = one.resigned_at;
  }
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& other = members[i];
    if (i == member || other.role == Role::active) continue;
    if (other.role == Role::initialize) {
      return fmt::format("group {}: waits for {} ({})", name_, other.name, other.reason);
    }
    const bool left_with_the_others =
        resigned && other.heard_at.value_or(TimePoint::min()) <= *resigned;
    if (other.wants || left_with_the_others) continue;
    return fmt::format("group {}: waits for {}, which hears an Active", name_, other.name);
  }
  return {};
}

Group::Orders Group::reunite(std::span<const Member> members, TimePoint now) const {
  Orders out;
  const auto is = [](Role role) { return [role](const Member& one) { return one.role == role; }; };
  const bool apart = std::any_of(members.begin(), members.end(), is(Role::active)) &&
                     std::any_of(members.begin(), members.end(), is(Role::backup));
  const bool lasting = std::all_of(members.begin(), members.end(), [&](const Member& one) {
    return now - one.since > 2 * one.down_interval;
  });
  if (!apart || !lasting) return out;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].role != Role::active) continue;
    out.emplace_back(i, GroupYields{fmt::format("group {}: its routers are apart", name_)});
  }
  return out;
}

}  // namespace hapair::vrrp
