#include "lbcore/health/check_spec.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "common/units.h"

namespace hapair::lbcore::health {

namespace {

constexpr Duration kLeastInterval = 10ms;
constexpr Duration kMostInterval = 1h;
constexpr Duration kLeastTimeout = 1ms;
constexpr int64_t kMostInARow = 100;
constexpr size_t kMostPathBytes = 1024;
constexpr std::array<std::string_view, 3> kMethods{"GET", "HEAD", "OPTIONS"};

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  std::vector<std::string_view> out;
  while (true) {
    const size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(kBlank), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Status parse_into(Duration& out, std::string_view word, Duration least, Duration most) {
  const auto value = parse_duration(word);
  if (!value) return tl::unexpected(value.error());
  if (*value < least || *value > most) {
    return fail("'{}' is out of range; valid is {} to {}", word, format_duration(least),
                format_duration(most));
  }
  out = *value;
  return {};
}

Status parse_into(uint32_t& out, std::string_view word) {
  const auto value = parse_integer(word);
  if (!value || *value < 1 || *value > kMostInARow) {
    return fail("'{}' is not a number of results in a row; valid is 1 to {}", word, kMostInARow);
  }
  out = static_cast<uint32_t>(*value);
  return {};
}

std::optional<uint16_t> parse_code(std::string_view text) {
  const auto value = parse_integer(text);
  if (text.size() != 3 || !value || *value < 100 || *value > 599) return std::nullopt;
  return static_cast<uint16_t>(*value);
}

Status parse_expect(CheckSpec& spec, std::string_view word) {
  const size_t dash = word.find('-');
  const auto from = parse_code(word.substr(0, dash));
  const auto to = dash == std::string_view::npos ? from : parse_code(word.substr(dash + 1));
  if (!from || !to) {
    return fail(
        "'{}' is not a status code or a range of them; valid is 200 or 200-399 (100 to 599)", word);
  }
  if (*from > *to) return fail("'{}' is empty; the lower code comes first", word);
  spec.expect_from = *from;
  spec.expect_to = *to;
  return {};
}

Status parse_path(CheckSpec& spec, std::string_view word) {
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

/// Reads the options after the kind of check.
class OptionReader {
 public:
  OptionReader(CheckSpec& spec, std::vector<std::string_view> words)
      : spec_(spec), words_(std::move(words)) {}

  Status read() {
    Status status = spec_.kind == CheckKind::http ? read_request() : Status{};
    while (status && at_ < words_.size()) status = read_option();
    if (!status) return status;
    if (!timeout_set_) spec_.timeout = std::min(spec_.timeout, spec_.interval);
    if (spec_.timeout > spec_.interval) {
      return fail("timeout {} is longer than interval {}: a check ends before the next begins",
                  format_duration(spec_.timeout), format_duration(spec_.interval));
    }
    return {};
  }

 private:
  [[nodiscard]] std::string_view valid_options() const {
    return spec_.kind == CheckKind::http ? "expect, interval, timeout, fall, rise"
                                         : "interval, timeout, fall, rise";
  }

  [[nodiscard]] bool is_option(std::string_view word) const {
    return word == "interval" || word == "timeout" || word == "fall" || word == "rise" ||
           (word == "expect" && spec_.kind == CheckKind::http);
  }

  Status read_request() {
    if (at_ == words_.size() || is_option(words_[at_])) return {};
    const std::string_view method = words_[at_++];
    if (std::ranges::find(kMethods, method) == kMethods.end()) {
      return fail("'{}' is not a method of a check; valid are {}", method,
                  fmt::join(kMethods, ", "));
    }
    spec_.method = method;
    if (at_ == words_.size() || is_option(words_[at_])) {
      return fail("{} needs a path, as in 'http {} /health'", method, method);
    }
    return parse_path(spec_, words_[at_++]);
  }

  Status read_option() {
    const std::string_view option = words_[at_++];
    if (!is_option(option)) {
      return fail("unknown word '{}'; valid are {}", option, valid_options());
    }
    if (std::ranges::find(seen_, option) != seen_.end()) return fail("{} is given twice", option);
    seen_.push_back(option);
    if (at_ == words_.size()) return fail("{} needs a value", option);
    const Status status = read_value(option, words_[at_++]);
    if (!status) return fail("{}: {}", option, status.error().message);
    return {};
  }

  Status read_value(std::string_view option, std::string_view value) {
    if (option == "interval") {
      return parse_into(spec_.interval, value, kLeastInterval, kMostInterval);
    }
    if (option == "timeout") {
      timeout_set_ = true;
      return parse_into(spec_.timeout, value, kLeastTimeout, kMostInterval);
    }
    if (option == "fall") return parse_into(spec_.fall, value);
    if (option == "rise") return parse_into(spec_.rise, value);
    return parse_expect(spec_, value);
  }

  CheckSpec& spec_;
  std::vector<std::string_view> words_;
  size_t at_ = 0;
  std::vector<std::string_view> seen_;
  bool timeout_set_ = false;
};

}  // namespace

Result<CheckSpec> parse_check(std::string_view text) {
  auto words = words_of(text);
  if (words.empty()) return fail("a check is missing; valid are none, tcp, http");
  const std::string_view kind = words.front();
  words.erase(words.begin());

  CheckSpec spec;
  if (kind == "none") {
    spec.kind = CheckKind::none;
    if (!words.empty()) return fail("'none' takes nothing behind it, found '{}'", words.front());
    return spec;
  }
  if (kind == "tcp") {
    spec.kind = CheckKind::tcp;
  } else if (kind == "http") {
    spec.kind = CheckKind::http;
  } else {
    return fail("unknown kind of check '{}'; valid are none, tcp, http", kind);
  }
  if (const Status status = OptionReader(spec, std::move(words)).read(); !status) {
    return tl::unexpected(status.error());
  }
  return spec;
}

std::string format_check(const CheckSpec& spec) {
  std::string out;
  switch (spec.kind) {
    case CheckKind::none:
      return "none";
    case CheckKind::tcp:
      out = "tcp";
      break;
    case CheckKind::http:
      out = fmt::format("http {} {} expect {}", spec.method, spec.path, spec.expect_from);
      if (spec.expect_to != spec.expect_from) out += fmt::format("-{}", spec.expect_to);
      break;
  }
  return out + fmt::format(" interval {} timeout {} fall {} rise {}",
                           format_duration(spec.interval), format_duration(spec.timeout), spec.fall,
                           spec.rise);
}

}  // namespace hapair::lbcore::health
