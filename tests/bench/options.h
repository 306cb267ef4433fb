// The command line of a bench: `--name value` pairs. One table per program says what there is; a
// mistake prints all of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hapair::test::bench {

struct Option {
  std::string_view name;                       // without the dashes
  std::string_view what;                       // the word for its value in the usage
  std::function<bool(std::string_view)> take;  // false: such a value is not valid
  std::vector<std::string_view> known = {};    // what its value may consist of; empty: not a choice
};

/// A positive integer.
Option number(std::string_view name, int& to);
/// "a,b,c", each of them `known`.
Option choice(std::string_view name, std::vector<std::string>& to,
              std::vector<std::string_view> known);

std::vector<std::string> split_list(std::string_view text);

/// False after a mistake, which it has said on standard error together with the usage.
bool parse(int argc, char** argv, const std::vector<Option>& options);

}  // namespace hapair::test::bench
