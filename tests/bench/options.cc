#include "tests/bench/options.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/units.h"

namespace hapair::test::bench {

namespace {

bool complain(const char* program, const std::vector<Option>& options, const std::string& mistake) {
  fmt::print(stderr, "{}: {}\nusage: {}", program, mistake, program);
  for (const Option& option : options) fmt::print(stderr, " [--{} {}]", option.name, option.what);
  fmt::print(stderr, "\n");
  for (const Option& option : options) {
    if (!option.known.empty()) {
      fmt::print(stderr, "{}: {}\n", option.name, fmt::join(option.known, " "));
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Option number(std::string_view name, int& to) {
  const auto take = [&to](std::string_view value) {
    const auto parsed = parse_integer(value);
    if (!parsed || *parsed < 1 || *parsed > std::numeric_limits<int>::max()) return false;
    to = static_cast<int>(*parsed);
    return true;
  };
  return {.name = name, .what = "N", .take = take};
}

Option choice(std::string_view name, std::vector<std::string>& to,
              std::vector<std::string_view> known) {
  const auto take = [&to, known](std::string_view value) {
    to = split_list(value);
    return std::ranges::all_of(to, [&known](const std::string& each) {
      return std::ranges::find(known, each) != known.end();
    });
  };
  return {.name = name, .what = "LIST", .take = take, .known = std::move(known)};
}

bool parse(int argc, char** argv, const std::vector<Option>& options) {
  for (int i = 1; i < argc; i += 2) {
    std::string_view name = argv[i];
    if (name.starts_with("--")) name.remove_prefix(2);
    const auto option = std::ranges::find(options, name, &Option::name);
    if (option == options.end()) {
      return complain(argv[0], options, fmt::format("there is no option {}", argv[i]));
    }
    if (i + 1 == argc) return complain(argv[0], options, fmt::format("{} wants a value", argv[i]));
    if (!option->take(argv[i + 1])) {
      return complain(argv[0], options, fmt::format("{} cannot be {}", argv[i], argv[i + 1]));
    }
  }
  return true;
}

}  // namespace hapair::test::bench
