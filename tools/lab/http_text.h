// Reading the few words that the lab's clients want to know out of an HTTP answer.
#pragma once

#include <string_view>

namespace hapair::lab {

/// The text between `begin` and `end` in `text`, or "".
inline std::string_view between(std::string_view text, std::string_view begin,
                                std::string_view end) {
  const size_t at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  return text.substr(0, text.find(end));
}

}  // namespace hapair::lab
