#include "common/config/ini_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <tuple>
#include <utility>

#include <ini.h>

namespace hapair::config {

namespace {

constexpr std::string_view kBlank = " \t";
// inih cuts at INI_MAX_LINE (200) with its terminator and newline included, and cannot be asked for
// its limit.
constexpr size_t kMaxLine = 198;

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Cuts a comment: at the start of the line, or behind white space within it.
std::string_view without_comment(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != ';' && line[i] != '#') continue;
    if (i == 0 || kBlank.find(line[i - 1]) != std::string_view::npos) return line.substr(0, i);
  }
  return line;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return (std::isalnum(c) != 0) || c == '_' || c == '-' || c == '.' || c == '@';
  });
}

/// The line source under inih: hands it one clean logical line at a time and keeps what inih
/// forgets.
class LineReader {
 public:
  LineReader(std::string_view text, std::string path) : rest_(text) {
    file_.path = std::move(path);
  }

  Result<IniFile> run() {
    ini_parse_stream(&LineReader::next_line, this, &LineReader::on_key, this);
    if (!errors_.empty()) return tl::unexpected(Error{errors_});
    return std::move(file_);
  }

 private:
  // fgets in inih's terms.
  static char* next_line(char* out, int size, void* self) {
    auto& reader = *static_cast<LineReader*>(self);
    std::string line;
    while (reader.read_logical_line(line)) {
      const std::string_view text = trim(without_comment(line));
      if (text.empty() || !reader.acceptable(text)) continue;
      const size_t length = std::min(text.size(), static_cast<size_t>(size) - 1);
      std::memcpy(out, text.data(), length);
      out[length] = '\0';
      return out;
    }
    return nullptr;
  }

  static int on_key(void* self, const char*, const char* name, const char* value) {
    static_cast<LineReader*>(self)->add_key(name, value);
    return 1;
  }

  bool read_physical_line(std::string_view& line) {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++lines_read_;
    return true;
  }

  /// One line with its `\` continuations joined; line_ becomes the number of its first part.
  bool read_logical_line(std::string& out) {
    std::string_view part;
    if (!read_physical_line(part)) return false;
    line_ = lines_read_;
    if (line_ == 1 && part.starts_with("\xef\xbb\xbf")) part.remove_prefix(3);
    out = part;
    // A comment swallows its backslash: a commented-out list must not swallow the next key.
    while (out.ends_with('\\') && without_comment(out).size() == out.size()) {
      out.pop_back();
      if (!read_physical_line(part)) {
        error("ends in '\\', but there is no next line to join");
        return true;
      }
      out += ' ';
      out += trim(part);
    }
    return true;
  }

  bool acceptable(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return error("has a NUL byte");
    if (text.size() > kMaxLine) {
      return error(
          fmt::format("is {} characters long; at most {} are read: repeat a list as key.1, key.2",
                      text.size(), kMaxLine));
    }
    if (text.front() == '[') return begin_section(text);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
      return error(fmt::format("'{}' has no '='; valid: key = value, or [kind name]", text));
    }
    const std::string_view key = trim(text.substr(0, equals));
    if (!is_word(key)) {
      return error(fmt::format("'{}' is no key; valid: letters, digits and _ before the '='", key));
    }
    if (file_.sections.empty()) {
      // Said once: behind a broken first header every key would say it again.
      if (!broken_header_) error(fmt::format("'{}' stands before the first section", key));
      return false;
    }
    return !broken_header_;
  }

  bool begin_section(std::string_view text) {
    broken_header_ = true;
    if (text.back() != ']') {
      return error(
          text.find(']') == std::string_view::npos
              ? fmt::format("'{}': the section header is not closed; valid: [kind name]", text)
              : fmt::format("'{}': text behind the section header", text));
    }
    const std::string_view inner = trim(text.substr(1, text.size() - 2));
    if (inner.empty() || inner.find_first_of("[]") != std::string_view::npos) {
      return error(fmt::format("'{}' is no section header; valid: [kind] or [kind name]", text));
    }
    const size_t blank = inner.find_first_of(kBlank);
    IniSection section;
    section.kind = inner.substr(0, blank);
    if (blank != std::string_view::npos) section.name = trim(inner.substr(blank));
    section.line = line_;
    const auto twin = std::ranges::find_if(file_.sections, [&](const IniSection& other) {
      return other.kind == section.kind && other.name == section.name;
    });
    if (twin != file_.sections.end()) {
      return error(fmt::format("[{}] stands already in line {}", inner, twin->line));
    }
    broken_header_ = false;
    seen_.clear();
    file_.sections.push_back(std::move(section));
    return false;  // inih need not see it: the section is ours to remember (it would cut the name)
  }

  void add_key(std::string_view name, std::string_view value) {
    IniEntry entry{.key = std::string(name),
                   .node = {},
                   .index = 0,
                   .value = std::string(value),
                   .line = line_};
    if (const size_t at = entry.key.find('@'); at != std::string::npos) {
      entry.node = entry.key.substr(at + 1);
      entry.key.resize(at);
      if (entry.node.empty() || entry.node.find('@') != std::string::npos) {
        error(fmt::format("'{}': a node's name must follow the one '@'", name));
        return;
      }
    }
    if (const size_t dot = entry.key.rfind('.'); dot != std::string::npos) {
      const char* first = entry.key.data() + dot + 1;
      const char* last = entry.key.data() + entry.key.size();
      const auto [end, failure] = std::from_chars(first, last, entry.index);
      if (failure != std::errc{} || end != last || entry.index < 1) {
        error(fmt::format("'{}': a list's number (1, 2, ...) must follow the '.'", name));
        return;
      }
      entry.key.resize(dot);
    }
    if (entry.key.empty()) {
      error(fmt::format("'{}' has no key before the '='", name));
      return;
    }
    const auto [twin, fresh] = seen_.try_emplace({entry.key, entry.node, entry.index}, line_);
    if (!fresh) {
      error(fmt::format("{} stands already in line {}", name, twin->second));
      return;
    }
    file_.sections.back().entries.push_back(std::move(entry));
  }

  bool error(std::string_view what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_ += fmt::format("{}:{}: {}", file_.path, line_, what);
    return false;
  }

  std::string_view rest_;
  IniFile file_;
  std::string errors_;
  int lines_read_ = 0;
  int line_ = 0;
  bool broken_header_ = false;
  std::map<std::tuple<std::string, std::string, int>, int> seen_;  // of the current section
};

}  // namespace

Result<IniFile> parse_ini(std::string_view text, std::string path) {
  return LineReader(text, std::move(path)).run();
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail_system(path);
  std::string text;
  std::array<char, 4096> buffer{};
  do {
    stream.read(buffer.data(), buffer.size());
    text.append(buffer.data(), static_cast<size_t>(stream.gcount()));
  } while (stream);
  if (stream.bad()) return fail("{}: cannot be read", path);  // a folder, for one
  return text;
}

}  // namespace hapair::config
