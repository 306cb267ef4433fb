// "a,b,c" on a command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hapair::test::bench {

inline std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace hapair::test::bench
