#include "vrrpd/config/programs.h"

#include <cerrno>
#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

namespace hapair::vrrp {

namespace {

using config::Key;
using config::Section;
using config::Type;

constexpr std::array kTrackKeys{
    Key{.name = "script", .fallback = std::nullopt, .help = "the program and its arguments"},
    Key{.name = "interval",
        .type = Type::duration,
        .least = "50ms",
        .most = "1h",
        .fallback = "1s",
        .help = "how often it runs"},
    Key{.name = "timeout",
        .type = Type::duration,
        .least = "10ms",
        .most = "1h",
        .help = "how long it may take; else it failed"},
    Key{.name = "rise",
        .type = Type::integer,
        .least = "1",
        .most = "1000",
        .fallback = "2",
        .help = "successes in a row until it is good again"},
    Key{.name = "fall",
        .type = Type::integer,
        .least = "1",
        .most = "1000",
        .fallback = "2",
        .help = "failures in a row until it is bad"},
    Key{.name = "weight",
        .type = Type::integer,
        .least = "-253",
        .most = "253",
        .fallback = "0",
        .help = "what it adds to the priority; 0: bad is a fault"},
    Key{.name = "user", .help = "the user that runs it"},
};

constexpr std::array<std::string_view, 4> kHookKeys{"on_active", "on_backup", "on_fault",
                                                    "on_stop"};

/// hapair where it exists (systemd-sysusers makes it), else nobody.
std::string default_user() {
  return ::getpwnam("hapair") != nullptr ? "hapair" : "nobody";
}

std::string user_of(const Section& section, std::string_view key, const Complain& complain) {
  if (!section.has(key)) return default_user();
  const std::string& user = section.text(key);
  if (::getpwnam(user.c_str()) == nullptr) {
    complain(section.error(key, fmt::format("there is no user '{}' on this node", user)));
  }
  return user;
}

/// Whether the permission bits let the user run it.
bool may_run(const struct stat& file, const passwd& user) {
  if (user.pw_uid == 0) return (file.st_mode & 0111) != 0;
  if (user.pw_uid == file.st_uid) return (file.st_mode & S_IXUSR) != 0;
  std::vector<gid_t> groups(64);
  auto count = static_cast<int>(groups.size());
  (void)::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count);
  for (int i = 0; i < count && i < static_cast<int>(groups.size()); ++i) {
    if (groups[static_cast<size_t>(i)] == file.st_gid) return (file.st_mode & S_IXGRP) != 0;
  }
  return (file.st_mode & S_IXOTH) != 0;
}

}  // namespace

std::span<const Key> track_keys() {
  return kTrackKeys;
}

std::string what_is_wrong_with_program(const std::string& path, const std::string& user) {
  if (!path.starts_with('/')) {
    return fmt::format("'{}' is no absolute path; valid: /path/of/an/executable", path);
  }
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return system_error(path).message;
  if (!S_ISREG(file.st_mode)) return fmt::format("{} is no file", path);
  if ((file.st_mode & S_IWOTH) != 0) {
    return fmt::format("anybody may write {}; valid: chmod o-w", path);
  }
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry != nullptr && !may_run(file, *entry)) {
    return fmt::format("{} is not executable for user {}; valid: chmod a+x", path, user);
  }
  return {};
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;  // of a word, which may be empty: ""
  char quote = '\0';
  for (size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (quote == '\0' && (letter == ' ' || letter == '\t')) {
      inside = false;
      continue;
    }
    if (!std::exchange(inside, true)) words.emplace_back();
    if (letter == '\\' && quote != '\'') {
      if (++at == text.size()) return fail("ends in the middle of a word");
      words.back() += text[at];
    } else if (quote == '\0' && (letter == '"' || letter == '\'')) {
      quote = letter;
    } else if (quote != '\0' && letter == quote) {
      quote = '\0';
    } else {
      words.back() += letter;
    }
  }
  if (quote != '\0') return fail("a quotation mark {} is not closed", quote);
  if (words.empty()) return fail("names no program");
  return words;
}

HookPrograms read_hooks(const Section& router, const Complain& complain) {
  HookPrograms out;
  out.timeout = router.duration("hook_timeout");
  bool any = false;
  for (const std::string_view key : kHookKeys) any = any || router.has(key);
  if (!any) return out;
  out.user = user_of(router, "hook_user", complain);
  for (size_t kind = 0; kind < kHookKeys.size(); ++kind) {
    const std::string_view key = kHookKeys.at(kind);
    if (!router.has(key)) continue;
    out.programs.at(kind) = router.text(key);
    if (const auto wrong = what_is_wrong_with_program(out.programs.at(kind), out.user);
        !wrong.empty()) {
      complain(router.error(key, wrong));
    }
  }
  return out;
}

TrackScript read_script(const Section& track, const Complain& complain) {
  TrackScript out;
  out.name = track.name();
  out.interval = track.duration("interval");
  out.timeout = track.has("timeout") ? track.duration("timeout") : out.interval;
  out.rise = static_cast<uint32_t>(track.integer("rise"));
  out.fall = static_cast<uint32_t>(track.integer("fall"));
  out.weight = static_cast<int>(track.integer("weight"));
  out.user = user_of(track, "user", complain);
  auto words = split_words(track.text("script"));
  if (!words) {
    complain(track.error("script", words.error().message));
    return out;
  }
  out.argv = std::move(*words);
  if (const auto wrong = what_is_wrong_with_program(out.argv.front(), out.user); !wrong.empty()) {
    complain(track.error("script", wrong));
  }
  return out;
}

}  // namespace hapair::vrrp
