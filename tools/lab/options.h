// The few `--name value` options of the lab's programs.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/clock.h"
#include "common/units.h"

namespace hapair::lab {

class Options {
 public:
  /// Throws std::invalid_argument for an option that is not in `known` or has no value.
  Options(int argc, char** argv, const std::set<std::string>& known) {
    for (int i = 1; i < argc; i += 2) {
      const std::string word = argv[i];
      if (!word.starts_with("--") || !known.contains(word.substr(2)) || i + 1 >= argc) {
        throw std::invalid_argument(
            fmt::format("'{}': valid are --{} VALUE", word, fmt::join(known, " VALUE, --")));
      }
      values_[word.substr(2)] = argv[i + 1];
    }
  }

  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }
  [[nodiscard]] int64_t number(const std::string& name, int64_t fallback) const {
    return values_.contains(name) ? checked(name, parse_integer(text(name, {}))) : fallback;
  }
  [[nodiscard]] Duration duration(const std::string& name, Duration fallback) const {
    return values_.contains(name) ? checked(name, parse_duration(text(name, {}))) : fallback;
  }

 private:
  template <typename T>
  static T checked(const std::string& name, const Result<T>& result) {
    if (!result) throw std::invalid_argument("--" + name + ": " + result.error().message);
    return *result;
  }

  std::map<std::string, std::string> values_;
};

}  // namespace hapair::lab
