// JSON whose keys keep the order in which they are set: output is stable, and reads as the text
// does.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace hapair::pairadm {

using Json = nlohmann::ordered_json;

/// Indented, with a final newline. Bytes that are no UTF-8 become U+FFFD: a daemon's text never
/// breaks the document.
inline std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hapair::pairadm
