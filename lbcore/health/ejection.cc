#include "lbcore/health/ejection.h"

#include <algorithm>

namespace hapair::lbcore::health {

namespace {

constexpr uint32_t kMostDoublings = 20;

Duration time_out(const PassiveSpec& spec, uint32_t times) {
  const Duration doubled = spec.eject * (int64_t{1} << std::min(times - 1, kMostDoublings));
  return std::min(doubled, spec.most);
}

}  // namespace

bool Ejection::ejected(Id id) const {
  const auto found = states_.find(id);
  return found != states_.end() && found->second.out;
}

void Ejection::forget_others(std::span<const Seen> servers) {
  std::erase_if(states_, [&](const auto& entry) {
    return std::ranges::find(servers, entry.first, &Seen::id) == servers.end();
  });
}

void Ejection::come_back(State& state, TimePoint now) {
  state.out = false;
  state.since = now;
}

std::vector<Ejection::Change> Ejection::step(const PassiveSpec& spec, std::span<const Seen> servers,
                                             TimePoint now) {
  using What = Change::What;
  std::vector<Change> changes;
  forget_others(servers);

  for (auto& [id, state] : states_) {
    if (state.out && (now >= state.until || !spec.enabled())) {
      come_back(state, now);
      changes.push_back({.id = id, .what = What::returned});
    } else if (!state.out && state.times > 0 && now - state.since >= spec.eject) {
      --state.times;
      state.since = now;
    }
  }
  if (!spec.enabled()) return changes;

  size_t out = 0;
  size_t left = 0;  // for new clients
  for (const Seen& server : servers) {
    if (ejected(server.id)) {
      ++out;
    } else if (server.usable) {
      ++left;
    }
  }
  const auto returned_now = [&](Id id) {
    return std::ranges::any_of(changes, [&](const Change& change) { return change.id == id; });
  };
  for (const Seen& server : servers) {
    if (ejected(server.id) || returned_now(server.id)) continue;
    if (server.failures < spec.failures || !server.usable) {
      if (const auto known = states_.find(server.id); known != states_.end()) {
        known->second.held = false;
      }
      continue;
    }
    State& state = states_[server.id];
    if ((out + 1) * 100 > spec.max_share * servers.size() || left <= 1) {
      if (!state.held) changes.push_back({.id = server.id, .what = What::held});
      state.held = true;
      continue;
    }
    const Duration time = time_out(spec, ++state.times);
    state.out = true;
    state.held = false;
    state.until = now + time;
    ++out;
    --left;
    changes.push_back({.id = server.id, .what = What::ejected, .time = time});
  }

  if (left == 0) {
    State* soonest = nullptr;
    Id which = 0;
    for (const Seen& server : servers) {
      if (!server.usable || !ejected(server.id)) continue;
      State& state = states_.at(server.id);
      if (soonest != nullptr && soonest->until <= state.until) continue;
      soonest = &state;
      which = server.id;
    }
    if (soonest != nullptr) {
      come_back(*soonest, now);
      changes.push_back({.id = which, .what = What::recalled});
    }
  }
  return changes;
}

}  // namespace hapair::lbcore::health
