#include "lbcore/health/check_values.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "common/units.h"

namespace hapair::lbcore::health {

namespace {

constexpr Duration kMostInterval = 1h;
constexpr int64_t kMostInARow = 100;
constexpr size_t kMostPathBytes = 1024;
constexpr size_t kMostHostBytes = 255;
constexpr size_t kMostHeaders = 16;

std::optional<uint16_t> parse_code(std::string_view text) {
  const auto value = parse_integer(text);
  if (text.size() != 3 || !value || *value < 100 || *value > 599) return std::nullopt;
  return static_cast<uint16_t>(*value);
}

bool is_token(std::string_view text) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

Status read_duration(Duration& out, const std::string& word, Duration least) {
  const auto value = parse_duration(word);
  if (!value) return tl::unexpected(value.error());
  if (*value < least || *value > kMostInterval) {
    return fail("'{}' is out of range; valid is {} to {}", word, format_duration(least),
                format_duration(kMostInterval));
  }
  out = *value;
  return {};
}

Status read_count(uint32_t& out, const std::string& word) {
  const auto value = parse_integer(word);
  if (!value || *value < 1 || *value > kMostInARow) {
    return fail("'{}' is not a number of results in a row; valid is 1 to {}", word, kMostInARow);
  }
  out = static_cast<uint32_t>(*value);
  return {};
}

Status read_status_set(CheckSpec& spec, const std::string& word) {
  spec.expect.clear();
  std::string_view rest = word;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const size_t dash = part.find('-');
    const auto from = parse_code(part.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : parse_code(part.substr(dash + 1));
    if (!from || !to) {
      return fail("'{}' is not a set of status codes; valid is 200 or 200,204,300-399 (100 to 599)",
                  word);
    }
    if (*from > *to) return fail("'{}' is empty; the lower code comes first", part);
    spec.expect.push_back({.from = *from, .to = *to});
    if (comma == std::string_view::npos) return {};
    rest.remove_prefix(comma + 1);
  }
}

Status read_path(CheckSpec& spec, const std::string& word) {
  if (!word.starts_with('/')) {
    return fail("'{}' is not a path; a path begins with '/'", word);
  }
  if (word.size() > kMostPathBytes) {
    return fail("the path is longer than {} bytes", kMostPathBytes);
  }
  // It goes into the request line as it is.
  if (std::ranges::any_of(word, [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; })) {
    return fail("'{}' is not a path; percent-encode what is not printable ASCII, and '#'", word);
  }
  spec.path = word;
  return {};
}

Status read_header(CheckSpec& spec, const std::string& word) {
  static constexpr std::array<std::string_view, 4> kOurs{"Connection", "Content-Length",
                                                         "Transfer-Encoding", "Host"};
  const size_t colon = word.find(": ");
  const std::string_view field(word.data(), std::min(colon, word.size()));
  if (colon == std::string::npos || !is_token(field) || word.size() > kMostTextBytes ||
      std::ranges::any_of(word, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; })) {
    return fail("'{}' is not a header field; valid is \"Name: value\" of at most {} bytes", word,
                kMostTextBytes);
  }
  if (same_name(field, "Host")) return fail("Host is set with the option host");
  if (std::ranges::any_of(kOurs, [&](std::string_view ours) { return same_name(field, ours); })) {
    return fail("{} is set by the check itself", field);
  }
  if (spec.headers.size() == kMostHeaders) return fail("more than {} of them", kMostHeaders);
  spec.headers.push_back(word);
  return {};
}

Status read_host(std::string& out, const std::string& word) {
  const bool valid =
      !word.empty() && word.size() <= kMostHostBytes && std::ranges::all_of(word, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("-._:[]").find(c) != std::string_view::npos;
      });
  if (!valid) return fail("'{}' is not a host name", word);
  out = word;
  return {};
}

Status read_text(std::string& out, const std::string& word) {
  if (word.empty() || word.size() > kMostTextBytes) {
    return fail("the text must have 1 to {} bytes", kMostTextBytes);
  }
  out = word;
  return {};
}

Status read_file(std::string& out, const std::string& word) {
  if (!word.starts_with('/') || word.find('\0') != std::string::npos) {
    return fail("'{}' is not an absolute path", word);
  }
  out = word;
  return {};
}

Status read_verify(CheckSpec& spec, const std::string& word) {
  if (word != "on" && word != "off") return fail("'{}' is not valid; valid are on, off", word);
  spec.verify = word == "on";
  return {};
}

Status read_proxy(CheckSpec& spec, const std::string& word) {
  for (const auto version : {ProxyProtocol::none, ProxyProtocol::v1, ProxyProtocol::v2}) {
    if (word == name(version)) spec.proxy = version;
  }
  if (!spec.proxy) return fail("'{}' is not valid; valid are none, v1, v2", word);
  return {};
}

Status read_port(CheckSpec& spec, const std::string& word) {
  const auto value = parse_integer(word);
  if (!value || *value < 1 || *value > 65535) {
    return fail("'{}' is not a port; valid is 1 to 65535", word);
  }
  spec.port = static_cast<uint16_t>(*value);
  return {};
}

Status read_source(CheckSpec& spec, const std::string& word) {
  const auto address = IpAddress::parse(word);
  if (!address) return tl::unexpected(address.error());
  spec.source = *address;
  return {};
}

}  // namespace hapair::lbcore::health
