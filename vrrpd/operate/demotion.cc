#include "vrrpd/operate/demotion.h"

#include <charconv>

#include <fmt/format.h>

namespace hapair::vrrp {

namespace {

constexpr std::string_view kHead = "vrrpd keeps this node demoted; `pairadm restore` ends it\n";
constexpr size_t kLongestLine = 200;

/// The rest of the line that begins with `key` and a blank.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) {
      return line.substr(key.size() + 1);
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const char letter : text.substr(0, kLongestLine)) {
    const auto code = static_cast<unsigned char>(letter);
    out += code < ' ' || code == 0x7f ? ' ' : letter;
  }
  return out;
}

std::string Demotion::why() const {
  std::string out = "demoted by " + (by.empty() ? "somebody" : by);
  if (!reason.empty()) out += ": " + reason;
  return out;
}

std::string Demotion::to_text() const {
  return fmt::format("{}since {}\nby {}\nreason {}\n", kHead, since_unix, one_line(by),
                     one_line(reason));
}

std::optional<Demotion> Demotion::parse(std::string_view text) {
  const auto since = value_of(text, "since");
  const auto by = value_of(text, "by");
  const auto reason = value_of(text, "reason");
  if (!since || !by || !reason) return std::nullopt;
  Demotion out{.since_unix = 0, .by = std::string(*by), .reason = std::string(*reason)};
  const auto [end, error] =
      std::from_chars(since->data(), since->data() + since->size(), out.since_unix);
  if (error != std::errc{} || end != since->data() + since->size()) return std::nullopt;
  return out;
}

Demotion Demotion::from_file_text(std::string_view text) {
  if (const auto known = parse(text)) return *known;
  return {.since_unix = 0, .by = "a file that is not readable", .reason = {}};
}

}  // namespace hapair::vrrp
