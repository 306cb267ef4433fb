#include "tools/pairadm/values.h"

#include <algorithm>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "common/units.h"

namespace hapair::pairadm {

namespace {

constexpr int64_t kMaxPersistentSeconds = 31LL * 24 * 3600;
constexpr std::string_view kDigits = "0123456789";

Result<uint16_t> parse_port(std::string_view text, const Names& names) {
  if (text.empty()) return fail("the port behind the colon is missing");
  if (text.find_first_not_of(kDigits) != std::string_view::npos)
    return names.port(std::string(text));
  const auto number = parse_integer(text);
  if (!number || *number > std::numeric_limits<uint16_t>::max())
    return fail("port {}: between 1 and 65535", text);
  return static_cast<uint16_t>(*number);
}

Result<Target> with_port(IpAddress ip, std::string_view port_text, const Names& names) {
  const auto port = parse_port(port_text, names);
  if (!port) return tl::unexpected(port.error());
  if (*port == 0) return Target{ip, std::nullopt};
  return Target{ip, *port};
}

Result<Target> parse_bracketed(std::string_view text, const Names& names) {
  const size_t end = text.find(']');
  if (end == std::string_view::npos) return fail("the closing ] is missing");
  const auto ip = IpAddress::parse(text.substr(1, end - 1));
  if (!ip) return tl::unexpected(ip.error());
  if (!ip->is_v6()) return fail("only IPv6 addresses stand in brackets");
  const std::string_view rest = text.substr(end + 1);
  if (rest.empty()) return Target{*ip, std::nullopt};
  if (!rest.starts_with(':')) return fail("behind the ] comes :PORT or nothing");
  return with_port(*ip, rest.substr(1), names);
}

Result<Target> parse_bare(std::string_view text, bool ipv6, const Names& names) {
  if (std::ranges::count(text, ':') > 1) {
    const auto ip = IpAddress::parse(text);
    if (!ip) return fail("IPv6 with a port needs brackets: [2001:db8::1]:80");
    return Target{*ip, std::nullopt};
  }
  const size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  // Digits and dots are an address, right or wrong: the resolver would read 10.1 as 10.0.0.1.
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  const auto ip = numeric ? IpAddress::parse(host) : names.address(std::string(host), ipv6);
  if (!ip) return tl::unexpected(ip.error());
  if (colon == std::string_view::npos) return Target{*ip, std::nullopt};
  return with_port(*ip, text.substr(colon + 1), names);
}

}  // namespace

Result<Target> parse_target(std::string_view text, bool ipv6, const Names& names) {
  if (text.empty()) return fail("an address is missing");
  auto target =
      text.starts_with('[') ? parse_bracketed(text, names) : parse_bare(text, ipv6, names);
  if (!target) return fail("{}: {}", text, target.error().message);
  return target;
}

Result<uint32_t> parse_persistent(std::string_view text, bool zero_is_off) {
  const auto seconds = parse_integer(text);
  const int64_t least = zero_is_off ? 0 : 1;
  if (!seconds || *seconds < least || *seconds > kMaxPersistentSeconds)
    return fail("-p {}: a timeout of 1 .. {} seconds{}", text, kMaxPersistentSeconds,
                zero_is_off ? ", or 0 for no sticky sessions" : "");
  return static_cast<uint32_t>(*seconds);
}

Result<uint32_t> parse_weight(std::string_view text) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  const auto weight = parse_integer(text);
  if (!weight || *weight < 0 || *weight > most)
    return fail("-w {}: a weight of 0 .. {}", text, most);
  return static_cast<uint32_t>(*weight);
}

Result<uint32_t> parse_threshold(std::string_view option, std::string_view text) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  const auto connections = parse_integer(text);
  if (!connections || *connections < 0 || *connections > most)
    return fail("{} {}: a number of connections of 0 .. {}", option, text, most);
  return static_cast<uint32_t>(*connections);
}

Status check_sched_flags(std::string_view text) {
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view flag = text.substr(0, comma);
    if (flag == "sh-port" || flag == "mh-port" || flag == "flag-2")
      return fail(
          "-b {}: the client's port is not hashed, all connections of an address stay together",
          flag);
    if (flag != "sh-fallback" && flag != "mh-fallback" && flag != "flag-1")
      return fail("-b {}: valid are sh-fallback and mh-fallback", flag);
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

Result<uint32_t> parse_netmask(std::string_view text, bool ipv6) {
  if (ipv6) {
    const auto length = parse_integer(text);
    if (!length || *length < 1 || *length > 128)
      return fail("-M {}: for IPv6 a prefix length of 1 .. 128", text);
    return static_cast<uint32_t>(*length);
  }
  const auto mask = IpAddress::parse(text);
  if (mask && mask->is_v4()) {
    const uint32_t bits = mask->v4_host_order();
    const auto length = static_cast<uint32_t>(std::countl_one(bits));
    if (length >= 1 && static_cast<uint32_t>(std::popcount(bits)) == length) return length;
  }
  return fail("-M {}: a netmask such as 255.255.255.0", text);
}

std::string netmask_text(uint32_t prefix_length) {
  const uint32_t bits =
      prefix_length == 0 ? 0 : ~uint32_t{0} << (32 - std::min(prefix_length, 32U));
  return IpAddress::v4(bits).to_string();
}

}  // namespace hapair::pairadm
