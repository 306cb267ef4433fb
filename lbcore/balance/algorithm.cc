#include "lbcore/balance/algorithm.h"

#include <array>
#include <utility>

namespace hapair::lbcore::balance {

namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 5> kNames{{
    {Algorithm::rr, "rr"},
    {Algorithm::wrr, "wrr"},
    {Algorithm::lc, "lc"},
    {Algorithm::wlc, "wlc"},
    {Algorithm::sh, "sh"},
}};

}  // namespace

std::string_view name(Algorithm algorithm) {
  for (const auto& [value, text] : kNames) {
    if (value == algorithm) return text;
  }
  return "unknown";
}

Result<Algorithm> parse_algorithm(std::string_view text) {
  for (const auto& [value, known] : kNames) {
    if (known == text) return value;
  }
  std::string valid;
  for (const auto& [value, known] : kNames) {
    if (!valid.empty()) valid += ", ";
    valid += known;
  }
  return fail("unknown scheduler '{}'; valid are {}", text, valid);
}

}  // namespace hapair::lbcore::balance
