// The words of a check as written in the configuration. A word in double quotes may hold blanks and
// the escapes \" \\ \r \n \t and \xHH, so that what is sent to a server can be any bytes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace hapair::lbcore::health {

struct CheckWord {
  std::string text;
  bool quoted = false;  // then it is a value, whatever it says
};

Result<std::vector<CheckWord>> split_check(std::string_view text);

/// The word as split_check reads it back, in quotes where it needs them.
std::string quoted_if_needed(std::string_view word);
/// In quotes, always.
std::string quoted(std::string_view word);

}  // namespace hapair::lbcore::health
