// One entry of `track_interfaces`: "eth1" (its loss is a fault) or "eth1 weight -20". Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace hapair::vrrp {

struct TrackInterface {
  std::string name;
  int weight = 0;  // see effective_priority.h
  friend bool operator==(const TrackInterface&, const TrackInterface&) = default;
};

Result<TrackInterface> parse_track_interface(std::string_view text);

}  // namespace hapair::vrrp
