// Key tables: each section kind declares its keys once: type, range, default, reloadable. Loading
// checks every entry against its table and collects *all* mistakes; after it every key has a value
// of its type.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/config/ini_reader.h"
#include "common/result.h"

namespace hapair::config {

enum class Type : uint8_t {
  text,
  integer,
  duration,
  size,
  yes_no,
  choice,
  address,
  endpoint,
  prefix
};

struct Key {
  std::string_view name;
  Type type = Type::text;
  /// Range as text in the key's own type ("1", "10ms", "64k"); empty: no bound.
  std::string_view least = {};
  std::string_view most = {};
  /// Text of the default; std::nullopt: the key is required; "": absent unless set (accessors say
  /// so).
  std::optional<std::string_view> fallback = "";
  bool list = false;              // `a, b` or key.1, key.2
  bool reloadable = true;         // false: a change needs a restart, and a reload says so
  std::string_view choices = {};  // for Type::choice: "rr|wrr|lc"
  std::string_view help = {};     // one clause; the man page is checked against the table
};

/// One table from several: the keys of a section kind may be told where their parts of the program
/// are.
template <size_t... Sizes>
constexpr std::array<Key, (Sizes + ...)> join(const std::array<Key, Sizes>&... tables) {
  std::array<Key, (Sizes + ...)> out;
  auto to = out.begin();
  ((to = std::copy(tables.begin(), tables.end(), to)), ...);
  return out;
}

struct Kind {
  std::string_view name;  // "vrrp"
  enum class Named : uint8_t { never, always, optional } named = Named::never;
  std::span<const Key> keys = {};  // empty with foreign == true
  bool foreign = false;            // another program's kind: accepted, not looked into
};

using Value =
    std::variant<std::string, int64_t, Duration, uint64_t, bool, IpAddress, Endpoint, Prefix>;

/// One section as this node sees it.
class Section {
 public:
  [[nodiscard]] std::string_view kind() const { return kind_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int line() const { return line_; }
  /// "vrrp main" as in the header.
  [[nodiscard]] std::string title() const;

  /// Accessors abort on a key that the table does not have or of another type: that is our bug, not
  /// the operator's.
  [[nodiscard]] bool has(
      std::string_view key) const;  // set in the file for this node, or has a non-empty default
  [[nodiscard]] const std::string& text(
      std::string_view key) const;  // text and choice; "" when absent
  [[nodiscard]] int64_t integer(std::string_view key) const;
  [[nodiscard]] Duration duration(std::string_view key) const;
  [[nodiscard]] uint64_t size(std::string_view key) const;
  [[nodiscard]] bool yes(std::string_view key) const;
  [[nodiscard]] IpAddress address(std::string_view key) const;
  [[nodiscard]] Endpoint endpoint(std::string_view key) const;
  [[nodiscard]] Prefix prefix(std::string_view key) const;
  template <typename T>
  [[nodiscard]] std::vector<T> list(std::string_view key) const {
    std::vector<T> out;
    for (const Value& value : values(key)) out.push_back(std::get<T>(value));
    return out;
  }

  /// `path:line: [vrrp main]: key: what` for a mistake that only the caller can see (`line` of the
  /// key, else of the section).
  [[nodiscard]] Error error(std::string_view key, std::string_view what) const;

  struct Setting {
    std::string_view key;
    std::vector<Value> values;
    int line = 0;  // 0: the default

    friend bool operator==(const Setting& a, const Setting& b) {
      return a.key == b.key && a.values == b.values;
    }
  };
  [[nodiscard]] const std::vector<Setting>& settings() const { return settings_; }

 private:
  friend class Loader;
  [[nodiscard]] const std::vector<Value>& values(std::string_view key) const;
  [[nodiscard]] const Value& single(std::string_view key) const;

  std::string path_;
  std::string_view kind_;
  std::string name_;
  int line_ = 0;
  std::vector<Setting> settings_;  // one per key of the table, in its order
};

/// The whole file as `node` sees it.
class Config {
 public:
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& node() const { return node_; }
  /// Every name that some `@node` names, sorted; two for a pair, none for a file without `@`.
  [[nodiscard]] const std::vector<std::string>& nodes() const { return nodes_; }
  /// The other one of exactly two nodes, or "".
  [[nodiscard]] std::string peer() const;

  [[nodiscard]] std::vector<const Section*> all(std::string_view kind) const;
  [[nodiscard]] const Section* find(std::string_view kind, std::string_view name = {}) const;
  /// The same section as another of nodes() sees it.
  [[nodiscard]] const Section* find_as(std::string_view node, std::string_view kind,
                                       std::string_view name = {}) const;
  /// Whether the file has a section of this kind, looked into or foreign.
  [[nodiscard]] bool mentions(std::string_view kind) const;
  /// xxHash64 of the file's text: equal on both nodes when the files are.
  [[nodiscard]] uint64_t hash() const { return hash_; }

 private:
  friend class Loader;
  std::string path_;
  std::string node_;
  std::vector<std::string> nodes_;
  std::set<std::string, std::less<>> mentioned_;
  std::map<std::string, std::vector<Section>, std::less<>> sections_;  // by node, in file order
  uint64_t hash_ = 0;
};

/// Loads `path` for `node`. The error lists every mistake, one line each:
/// `path:line: [section]: key: what is wrong and what would be valid`.
Result<Config> load(const std::string& path, const std::string& node, std::span<const Kind> kinds);
Result<Config> load_text(std::string_view text, const std::string& path, const std::string& node,
                         std::span<const Kind> kinds);

/// This machine's short host name: the default node name.
std::string host_name();

}  // namespace hapair::config
