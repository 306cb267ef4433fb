#include "common/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace hapair {

namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};

constexpr std::array kUnits{
    Unit{.name = "us", .nanoseconds = 1e3},   Unit{.name = "ms", .nanoseconds = 1e6},
    Unit{.name = "s", .nanoseconds = 1e9},    Unit{.name = "m", .nanoseconds = 60e9},
    Unit{.name = "h", .nanoseconds = 3600e9}, Unit{.name = "d", .nanoseconds = 86400e9}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error == std::errc{} && number >= 0) {
    for (const Unit& known : kUnits) {
      if (unit != known.name) continue;
      const double nanoseconds = number * known.nanoseconds;
      // A hundred years: beyond it deadlines would overflow.
      if (nanoseconds > 100 * 365.25 * 86400e9) return fail("'{}' is too long a duration", text);
      return Duration(std::llround(nanoseconds));
    }
  }
  return fail("'{}' is no duration; valid: a number with us, ms, s, m, h or d, as in 10ms", text);
}

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "k" || unit == "K") shift = 10;
  if (unit == "m" || unit == "M") shift = 20;
  if (unit == "g" || unit == "G") shift = 30;
  if (error != std::errc{} || shift < 0 ||
      number > (std::numeric_limits<uint64_t>::max() >> shift)) {
    return fail("'{}' is no size; valid: a whole number of bytes, or with k, m or g", text);
  }
  return number << shift;
}

Result<bool> parse_switch(std::string_view text) {
  if (text == "yes" || text == "true" || text == "on") return true;
  if (text == "no" || text == "false" || text == "off") return false;
  return fail("'{}' is neither yes nor no", text);
}

Result<int64_t> parse_integer(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail("'{}' is no whole number", text);
  return number;
}

std::string format_duration(Duration duration) {
  const auto nanoseconds = static_cast<double>(duration.count());
  std::string_view unit = "us";
  double in_unit = nanoseconds / 1e3;
  for (const Unit& candidate : kUnits) {
    const double value = nanoseconds / candidate.nanoseconds;
    // Up to minutes a fraction reads well (1.5s); from minutes on only whole numbers do.
    const bool whole_only = candidate.nanoseconds >= 60e9;
    if (value < 1 || (whole_only && value != std::floor(value))) continue;
    unit = candidate.name;
    in_unit = value;
  }
  if (duration == Duration::zero()) return "0s";
  return fmt::format("{:.6g}{}", in_unit, unit);
}

std::string roughly(Duration duration) {
  const double ms = std::chrono::duration<double, std::milli>(duration).count();
  return ms < 1000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

}  // namespace hapair
