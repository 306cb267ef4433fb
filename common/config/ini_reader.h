// Reads an INI file into sections with line numbers. inih takes keys and values apart; under it
// stands a line reader of ours that mends what inih would let through silently (cut lines, indented
// continuations, broken headers, lost line numbers). Rules:
//   - `[kind]` or `[kind name]`; a header that is not closed, empty or has text behind it is an
//   error
//   - indentation means nothing; a trailing `\` joins the next line
//   - `#` and `;` start a comment at the beginning of a line; white space + `;` or `#` starts one
//   within a line
//   - a logical line longer than 198 characters is an error (inih would cut it)
//   - a key before the first section, a line without `=`, an empty key, a NUL byte: errors
//   - a repeated section or key is an error (lists repeat as `key.1`, `key.2`)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace hapair::config {

struct IniEntry {
  std::string key;   // as written, without `@node` and `.N`
  std::string node;  // what stood behind `@`, or empty
  int index = 0;     // what stood behind the last `.` when that is a number >= 1, else 0
  std::string value;
  int line = 0;
};

struct IniSection {
  std::string kind;
  std::string name;  // may be empty
  int line = 0;
  std::vector<IniEntry> entries;
};

struct IniFile {
  std::string path;  // for messages
  std::vector<IniSection> sections;
};

/// All errors are `path:line: what is wrong and what would be valid`, one per line.
Result<IniFile> parse_ini(std::string_view text, std::string path);

/// A whole file; the error names it.
Result<std::string> read_text(const std::string& path);

}  // namespace hapair::config
