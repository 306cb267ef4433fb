#include "vrrpd/track/effective_priority.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr int kLeastPriority = 1;
constexpr int kMostPriority = kOwnerPriority - 1;

/// What a thing adds now.
int share(const Tracked::Thing& thing) {
  if (!thing.good) return 0;
  const bool counts = *thing.good ? thing.weight > 0 : thing.weight < 0;
  return counts ? thing.weight : 0;
}

}  // namespace

std::string Tracked::fault() const {
  std::string out;
  for (const auto& [name, thing] : things_) {
    if (thing.weight != 0 || thing.good.value_or(true)) continue;
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", name, thing.reason);
  }
  return out;
}

uint8_t Tracked::priority(uint8_t configured) const {
  if (configured == kOwnerPriority) return configured;
  int sum = configured;
  for (const auto& [name, thing] : things_) sum += share(thing);
  return static_cast<uint8_t>(std::clamp(sum, kLeastPriority, kMostPriority));
}

std::string Tracked::why(uint8_t configured) const {
  if (configured == kOwnerPriority) return {};
  std::string out;
  for (const auto& [name, thing] : things_) {
    const int weight = share(thing);
    if (weight == 0) continue;
    out += fmt::format(" {} {} ({}{})", weight < 0 ? '-' : '+', std::abs(weight), name,
                       weight < 0 ? ": " + thing.reason : " is good");
  }
  return out.empty() ? out : std::to_string(configured) + out;
}

}  // namespace hapair::vrrp
