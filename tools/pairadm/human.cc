#include "tools/pairadm/human.h"

#include <fmt/format.h>

namespace hapair::pairadm {

std::string with_commas(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string age(uint64_t milliseconds) {
  const uint64_t seconds = milliseconds / 1000;
  const uint64_t minutes = seconds / 60;
  const uint64_t hours = minutes / 60;
  if (seconds == 0) return fmt::format("{} ms", milliseconds);
  if (minutes == 0) return fmt::format("{} s", seconds);
  if (hours == 0) return fmt::format("{}m {:02}s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{}h {:02}m", hours, minutes % 60);
  return fmt::format("{}d {:02}:{:02}", hours / 24, hours % 24, minutes % 60);
}

std::string count(uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", with_commas(number), thing, number == 1 ? "" : "s");
}

}  // namespace hapair::pairadm
