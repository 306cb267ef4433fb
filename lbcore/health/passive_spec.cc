#include "lbcore/health/passive_spec.h"

#include <algorithm>
#include <vector>

#include "common/units.h"
#include "lbcore/health/check_words.h"

namespace hapair::lbcore::health {

namespace {

constexpr std::string_view kOptions = "failures, eject, max, max_share";
constexpr uint32_t kUsualFailures = 5;

Status read_number(uint32_t& out, std::string_view word, int64_t most) {
  const auto value = parse_integer(word);
  if (!value || *value < 1 || *value > most) {
    return fail("'{}' is not valid; valid is 1 to {}", word, most);
  }
  out = static_cast<uint32_t>(*value);
  return {};
}

Status read_share(uint32_t& out, const std::string& word) {
  if (!word.ends_with('%')) return fail("'{}' is not a share; valid is 1% to 100%", word);
  const auto value = parse_integer(std::string_view(word).substr(0, word.size() - 1));
  if (!value || *value < 1 || *value > 100) {
    return fail("'{}' is not a share; valid is 1% to 100%", word);
  }
  out = static_cast<uint32_t>(*value);
  return {};
}

Status read_time(Duration& out, const std::string& word) {
  const auto value = parse_duration(word);
  if (!value) return tl::unexpected(value.error());
  if (*value < 100ms || *value > 24h) {
    return fail("'{}' is out of range; valid is 100ms to 1d", word);
  }
  out = *value;
  return {};
}

}  // namespace

Result<PassiveSpec> parse_passive(std::string_view text) {
  const auto words = split_check(text);
  if (!words) return tl::unexpected(words.error());
  if (words->empty()) return fail("the value is missing; valid are none, {}", kOptions);
  PassiveSpec spec;
  if (words->front().text == "none") {
    if (words->size() > 1) return fail("'none' takes nothing behind it");
    return spec;
  }
  spec.failures = kUsualFailures;
  std::vector<std::string> given;
  for (size_t i = 0; i < words->size(); i += 2) {
    const std::string& option = (*words)[i].text;
    if (std::ranges::find(given, option) != given.end()) return fail("{} is given twice", option);
    given.push_back(option);
    const std::string value = i + 1 < words->size() ? (*words)[i + 1].text : "";
    Status status;
    if (option == "failures") {
      status = read_number(spec.failures, value, 1'000'000);
    } else if (option == "eject") {
      status = read_time(spec.eject, value);
    } else if (option == "max") {
      status = read_time(spec.most, value);
    } else if (option == "max_share") {
      status = read_share(spec.max_share, value);
    } else {
      return fail("unknown word '{}'; valid are none, {}", option, kOptions);
    }
    if (value.empty()) return fail("{} needs a value", option);
    if (!status) return fail("{}: {}", option, status.error().message);
  }
  if (std::ranges::find(given, "max") == given.end()) spec.most = std::max(spec.most, spec.eject);
  if (spec.most < spec.eject) {
    return fail("max {} is shorter than eject {}", format_duration(spec.most),
                format_duration(spec.eject));
  }
  return spec;
}

std::string to_string(const PassiveSpec& spec) {
  if (!spec.enabled()) return "none";
  return fmt::format("failures {} eject {} max {} max_share {}%", spec.failures,
                     format_duration(spec.eject), format_duration(spec.most), spec.max_share);
}

}  // namespace hapair::lbcore::health
