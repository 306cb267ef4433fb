#include "vrrpd/track/track_interface.h"

#include <sstream>

#include "common/units.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kLongestName = 15;
constexpr int64_t kMostWeight = 253;

}  // namespace

Result<TrackInterface> parse_track_interface(std::string_view text) {
  std::istringstream words{std::string(text)};
  TrackInterface out;
  std::string key;
  std::string weight;
  std::string more;
  words >> out.name >> key >> weight >> more;
  if (out.name.empty() || out.name.size() > kLongestName) {
    return fail("'{}' is no name of an interface; valid: at most {} letters", out.name,
                kLongestName);
  }
  if (key.empty()) return out;
  const auto number = parse_integer(weight.starts_with('-') ? weight.substr(1) : weight);
  if (key != "weight" || !more.empty() || !number || *number < 1 || *number > kMostWeight) {
    return fail("'{}' is not understood; valid: NAME, or NAME weight N with -{} to {}, not 0", text,
                kMostWeight, kMostWeight);
  }
  out.weight = static_cast<int>(weight.starts_with('-') ? -*number : *number);
  return out;
}

}  // namespace hapair::vrrp
