#include "common/config/schema.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <unistd.h>
#include <xxhash.h>

#include "common/units.h"

namespace hapair::config {

namespace {

/// Parses with `parser` and holds the result against the key's range, written in the same unit.
template <typename T>
Result<Value> parse_ranged(const Key& key, std::string_view text,
                           Result<T> (*parser)(std::string_view)) {
  Result<T> value = parser(text);
  if (!value) return tl::unexpected(value.error());
  const bool low = !key.least.empty() && *value < *parser(key.least);
  const bool high = !key.most.empty() && *value > *parser(key.most);
  if (low || high) {
    if (key.most.empty()) return fail("{} is too little; valid: at least {}", text, key.least);
    if (key.least.empty()) return fail("{} is too much; valid: at most {}", text, key.most);
    return fail("{} is out of range; valid: {} to {}", text, key.least, key.most);
  }
  return Value(*value);
}

template <typename T>
Result<Value> parse_plain(std::string_view text, Result<T> (*parser)(std::string_view)) {
  Result<T> value = parser(text);
  if (!value) return tl::unexpected(value.error());
  return Value(*value);
}

Result<Value> parse_choice(const Key& key, std::string_view text) {
  std::string listed;
  std::string_view rest = key.choices;
  while (true) {
    const size_t bar = rest.find('|');
    const std::string_view choice = rest.substr(0, bar);
    if (choice == text) return Value(std::string(text));
    if (!listed.empty()) listed += ", ";
    listed += choice;
    if (bar == std::string_view::npos) break;
    rest.remove_prefix(bar + 1);
  }
  return fail("'{}' is not known here; valid: {}", text, listed);
}

Result<Value> parse_value(const Key& key, std::string_view text) {
  if (text.empty()) return fail("has no value");
  switch (key.type) {
    case Type::text:
      return Value(std::string(text));
    case Type::integer:
      return parse_ranged(key, text, &parse_integer);
    case Type::duration:
      return parse_ranged(key, text, &parse_duration);
    case Type::size:
      return parse_ranged(key, text, &parse_size);
    case Type::yes_no:
      return parse_plain(text, &parse_switch);
    case Type::choice:
      return parse_choice(key, text);
    case Type::address:
      return parse_plain(text, &IpAddress::parse);
    case Type::endpoint:
      return parse_plain(text, &Endpoint::parse);
    case Type::prefix:
      return parse_plain(text, &Prefix::parse);
  }
  return fail("has a type that nobody reads");
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    parts.push_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<Value>> parse_values(const Key& key, std::string_view text) {
  std::vector<Value> values;
  for (const std::string_view part : key.list ? split_list(text) : std::vector{text}) {
    Result<Value> value = parse_value(key, part);
    if (!value) return tl::unexpected(value.error());
    values.push_back(*std::move(value));
  }
  return values;
}

std::string title_of(std::string_view kind, std::string_view name) {
  return name.empty() ? std::string(kind) : fmt::format("{} {}", kind, name);
}

template <typename Range, typename Projection = std::identity>
std::string join(const Range& range, std::string_view separator, Projection name = {}) {
  std::string out;
  for (const auto& item : range) {
    if (!out.empty()) out += separator;
    out += std::invoke(name, item);
  }
  return out;
}

}  // namespace

/// Checks an IniFile against the tables and fills a Config; collects mistakes instead of stopping
/// at the first.
class Loader {
 public:
  Loader(const IniFile& file, std::string node, std::span<const Kind> kinds)
      : file_(file), kinds_(kinds) {
    config_.path_ = file.path;
    config_.node_ = std::move(node);
  }

  Result<Config> run(std::string_view text) {
    config_.hash_ = XXH3_64bits(text.data(), text.size());
    collect_nodes();
    for (const IniSection& section : file_.sections) load_section(section);
    if (!errors_.empty()) {
      return tl::unexpected(Error{join(errors_, "\n")});
    }
    return std::move(config_);
  }

 private:
  void collect_nodes() {
    std::set<std::string> names;
    for (const IniSection& section : file_.sections) {
      for (const IniEntry& entry : section.entries) {
        if (!entry.node.empty()) names.insert(entry.node);
      }
    }
    config_.nodes_.assign(names.begin(), names.end());
    if (!names.empty() && !names.contains(config_.node_)) {
      errors_.push_back(
          fmt::format("{}: this node is called '{}', which no @node in the file names; valid: {} "
                      "(or give the name with --node)",
                      file_.path, config_.node_, join(names, ", ")));
    }
  }

  void load_section(const IniSection& section) {
    const auto kind = std::ranges::find(kinds_, section.kind, &Kind::name);
    if (kind == kinds_.end()) {
      report(section.line, section, "",
             fmt::format("unknown kind of section; valid: {}", join(kinds_, ", ", &Kind::name)));
      return;
    }
    config_.mentioned_.insert(section.kind);
    if (kind->foreign) return;
    if (kind->named == Kind::Named::never && !section.name.empty()) {
      report(section.line, section, "", fmt::format("takes no name; valid: [{}]", kind->name));
    }
    if (kind->named == Kind::Named::always && section.name.empty()) {
      report(section.line, section, "", fmt::format("needs a name; valid: [{} NAME]", kind->name));
    }
    if (!check_entries(section, *kind)) return;

    std::set<std::string> viewers(config_.nodes_.begin(), config_.nodes_.end());
    if (viewers.empty()) viewers.insert(config_.node_);
    for (const std::string& viewer : viewers) {
      config_.sections_[viewer].push_back(resolve(section, *kind, viewer));
    }
  }

  /// Every entry, whichever node it is for: a mistake in the other node's value is found here
  /// already.
  bool check_entries(const IniSection& section, const Kind& kind) {
    const size_t before = errors_.size();
    for (const IniEntry& entry : section.entries) {
      const auto key = std::ranges::find(kind.keys, entry.key, &Key::name);
      if (key == kind.keys.end()) {
        report(entry.line, section, entry.key,
               fmt::format("unknown key; valid: {}", join(kind.keys, ", ", &Key::name)));
      } else if (entry.index > 0 && !key->list) {
        report(entry.line, section, entry.key, "takes one value, not a numbered list");
      } else if (auto values = parse_values(*key, entry.value); !values) {
        report(entry.line, section, entry.key, values.error().message);
      }
    }
    return errors_.size() == before;
  }

  Section resolve(const IniSection& source, const Kind& kind, const std::string& viewer) {
    Section section;
    section.path_ = file_.path;
    section.kind_ = kind.name;
    section.name_ = source.name;
    section.line_ = source.line;
    for (const Key& key : kind.keys) {
      Section::Setting setting{.key = key.name, .values = {}, .line = 0};
      // What is written for the viewer beats what is written for both.
      std::vector<const IniEntry*> entries = entries_of(source, key, viewer);
      if (entries.empty()) entries = entries_of(source, key, "");
      for (const IniEntry* entry : entries) {
        if (setting.line == 0) setting.line = entry->line;
        auto values = parse_values(key, entry->value);
        std::ranges::move(*values, std::back_inserter(setting.values));
      }
      if (entries.empty() && !key.fallback) {
        report(source.line, source, key.name,
               config_.nodes_.empty() || !written_for_someone(source, key)
                   ? std::string("is missing and has no default")
                   : fmt::format("is missing for node {} and has no default", viewer));
      } else if (entries.empty() && !key.fallback->empty()) {
        setting.values = *parse_values(key, *key.fallback);
      }
      section.settings_.push_back(std::move(setting));
    }
    return section;
  }

  static std::vector<const IniEntry*> entries_of(const IniSection& section, const Key& key,
                                                 std::string_view node) {
    std::vector<const IniEntry*> found;
    for (const IniEntry& entry : section.entries) {
      if (entry.key == key.name && entry.node == node) found.push_back(&entry);
    }
    std::ranges::sort(found, {}, [](const IniEntry* entry) { return entry->index; });
    return found;
  }

  static bool written_for_someone(const IniSection& section, const Key& key) {
    return std::ranges::any_of(section.entries,
                               [&](const IniEntry& entry) { return entry.key == key.name; });
  }

  void report(int line, const IniSection& section, std::string_view key, std::string_view what) {
    std::string text =
        fmt::format("{}:{}: [{}]: ", file_.path, line, title_of(section.kind, section.name));
    if (!key.empty()) text += fmt::format("{}: ", key);
    text += what;
    // Both nodes' views may miss the same key: once is enough.
    if (std::ranges::find(errors_, text) == errors_.end()) errors_.push_back(std::move(text));
  }

  const IniFile& file_;
  std::span<const Kind> kinds_;
  Config config_;
  std::vector<std::string> errors_;
};

std::string Section::title() const {
  return title_of(kind_, name_);
}

const std::vector<Value>& Section::values(std::string_view key) const {
  const auto found = std::ranges::find(settings_, key, &Setting::key);
  if (found == settings_.end())
    std::abort();  // asked for a key that the table does not have: our bug
  return found->values;
}

const Value& Section::single(std::string_view key) const {
  const std::vector<Value>& all = values(key);
  if (all.size() != 1) std::abort();  // absent without has(), or a list: our bug
  return all.front();
}

bool Section::has(std::string_view key) const {
  return !values(key).empty();
}

const std::string& Section::text(std::string_view key) const {
  static const std::string kAbsent;
  return has(key) ? std::get<std::string>(single(key)) : kAbsent;
}

int64_t Section::integer(std::string_view key) const {
  return std::get<int64_t>(single(key));
}
Duration Section::duration(std::string_view key) const {
  return std::get<Duration>(single(key));
}
uint64_t Section::size(std::string_view key) const {
  return std::get<uint64_t>(single(key));
}
bool Section::yes(std::string_view key) const {
  return std::get<bool>(single(key));
}
IpAddress Section::address(std::string_view key) const {
  return std::get<IpAddress>(single(key));
}
Endpoint Section::endpoint(std::string_view key) const {
  return std::get<Endpoint>(single(key));
}
Prefix Section::prefix(std::string_view key) const {
  return std::get<Prefix>(single(key));
}

Error Section::error(std::string_view key, std::string_view what) const {
  const auto found = std::ranges::find(settings_, key, &Setting::key);
  const int line = found != settings_.end() && found->line > 0 ? found->line : line_;
  if (key.empty()) return Error{fmt::format("{}:{}: [{}]: {}", path_, line, title(), what)};
  return Error{fmt::format("{}:{}: [{}]: {}: {}", path_, line, title(), key, what)};
}

std::string Config::peer() const {
  if (nodes_.size() != 2) return {};
  return nodes_[0] == node_ ? nodes_[1] : nodes_[0];
}

std::vector<const Section*> Config::all(std::string_view kind) const {
  std::vector<const Section*> found;
  const auto own = sections_.find(node_);
  if (own == sections_.end()) return found;
  for (const Section& section : own->second) {
    if (section.kind() == kind) found.push_back(&section);
  }
  return found;
}

const Section* Config::find(std::string_view kind, std::string_view name) const {
  return find_as(node_, kind, name);
}

const Section* Config::find_as(std::string_view node, std::string_view kind,
                               std::string_view name) const {
  const auto view = sections_.find(node);
  if (view == sections_.end()) return nullptr;
  for (const Section& section : view->second) {
    if (section.kind() == kind && section.name() == name) return &section;
  }
  return nullptr;
}

bool Config::mentions(std::string_view kind) const {
  return mentioned_.contains(kind);
}

Result<Config> load_text(std::string_view text, const std::string& path, const std::string& node,
                         std::span<const Kind> kinds) {
  const auto file = parse_ini(text, path);
  if (!file) return tl::unexpected(file.error());
  return Loader(*file, node, kinds).run(text);
}

Result<Config> load(const std::string& path, const std::string& node, std::span<const Kind> kinds) {
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  return load_text(*text, path, node, kinds);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string whole = name.data();
  return whole.substr(0, whole.find('.'));
}

}  // namespace hapair::config
