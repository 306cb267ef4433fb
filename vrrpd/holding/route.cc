#include "vrrpd/holding/route.h"

#include <set>
#include <sstream>

#include <fmt/format.h>

#include "common/units.h"

namespace hapair::vrrp {

namespace {

constexpr std::string_view kForm =
    "NETWORK/LEN [via GATEWAY] [dev IFACE] [src ADDRESS] [metric N] [table N]";
constexpr size_t kLongestName = 15;
constexpr int64_t kMostNumber = 0xffffffff;

Result<Prefix> parse_destination(const std::string& word) {
  if (word == "default") return Prefix{.ip = IpAddress::v4(0), .length = 0};
  if (word == "default6") return Prefix::parse("::/0");
  auto out = Prefix::parse(word);
  if (out && out->ip.masked(out->length) != out->ip) {
    return fail("{} is an address within its network; valid: {}/{}", word,
                out->ip.masked(out->length).to_string(), out->length);
  }
  return out;
}

Result<uint32_t> parse_number(const std::string& key, const std::string& word) {
  const auto number = parse_integer(word);
  if (!number || *number < 1 || *number > kMostNumber) {
    return fail("{} {} is no number; valid: 1 to {}", key, word, kMostNumber);
  }
  return static_cast<uint32_t>(*number);
}

/// One "key word" of it. The error says what would be valid.
Status take(VirtualRoute& out, const std::string& key, const std::string& word) {
  if (key == "via" || key == "src") {
    const auto ip = IpAddress::parse(word);
    if (!ip) return tl::unexpected(ip.error());
    if (ip->family() != out.to.ip.family()) {
      return fail("{} {} is of another family than {}", key, word, out.to.to_string());
    }
    (key == "via" ? out.via : out.src) = *ip;
  } else if (key == "dev") {
    if (word.size() > kLongestName) {
      return fail("'{}' is too long; valid: at most {} letters", word, kLongestName);
    }
    out.dev = word;
  } else if (key == "metric" || key == "table") {
    const auto number = parse_number(key, word);
    if (!number) return tl::unexpected(number.error());
    (key == "metric" ? out.metric : out.table) = *number;
  } else {
    return fail("'{}' is not known in a route; valid: {}", key, kForm);
  }
  return {};
}

}  // namespace

Result<VirtualRoute> parse_route(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string key;
  std::string word;
  words >> word;
  const auto to = parse_destination(word);
  if (!to) return tl::unexpected(to.error());
  VirtualRoute out{.to = *to};
  std::set<std::string> seen;
  while (words >> key) {
    if (!(words >> word)) return fail("'{}' has no value; valid: {}", key, kForm);
    if (!seen.insert(key).second) return fail("'{}' is said twice; valid: {}", key, kForm);
    if (const Status taken = take(out, key, word); !taken) return tl::unexpected(taken.error());
  }
  if (!out.via && out.dev.empty()) {
    return fail("'{}' leads nowhere; valid: {}, with via, dev or both", text, kForm);
  }
  return out;
}

std::string VirtualRoute::to_string() const {
  std::string out = to.to_string();
  if (via) out += " via " + via->to_string();
  if (!dev.empty()) out += " dev " + dev;
  if (src) out += " src " + src->to_string();
  if (metric != 0) out += fmt::format(" metric {}", metric);
  if (table != VirtualRoute{}.table) out += fmt::format(" table {}", table);
  return out;
}

}  // namespace hapair::vrrp
