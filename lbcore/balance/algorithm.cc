#include "lbcore/balance/algorithm.h"

#include <array>
#include <utility>

namespace hapair::lbcore::balance {

namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 14> kNames{{
    {Algorithm::rr, "rr"},
    {Algorithm::wrr, "wrr"},
    {Algorithm::lc, "lc"},
    {Algorithm::wlc, "wlc"},
    {Algorithm::sed, "sed"},
    {Algorithm::nq, "nq"},
    {Algorithm::random, "random"},
    {Algorithm::p2c, "p2c"},
    {Algorithm::lrt, "lrt"},
    {Algorithm::lbw, "lbw"},
    {Algorithm::sh, "sh"},
    {Algorithm::mh, "mh"},
    {Algorithm::fo, "fo"},
    {Algorithm::ovf, "ovf"},
}};

/// ipvsadm's names that make no sense here, and why.
struct NotOffered {
  std::string_view name;
  std::string_view why;
};
constexpr std::array<NotOffered, 3> kNotOffered{{
    {"lblc",
     "balances caches by destination address, and a proxied service has only one; nearest is mh"},
    {"lblcr",
     "balances caches by destination address, and a proxied service has only one; nearest is mh"},
    {"dh",
     "hashes the destination address, and a proxied service has only one; nearest is sh or mh, "
     "which hash the source"},
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
  for (const NotOffered& each : kNotOffered) {
    if (each.name == text) return fail("scheduler {} is not offered: it {}", text, each.why);
  }
  std::string valid;
  for (const auto& [value, known] : kNames) {
    if (!valid.empty()) valid += ", ";
    valid += known;
  }
  return fail("unknown scheduler '{}'; valid are {}", text, valid);
}

}  // namespace hapair::lbcore::balance
