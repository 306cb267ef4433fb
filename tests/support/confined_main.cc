// Runs a program with the system calls and capabilities that a systemd unit would leave it; for
// tests on machines where no systemd runs. A forbidden system call ends the program at once
// (systemd would refuse it with EPERM), so that no test overlooks it.
//
// usage: confined UNIT PROGRAM [ARGUMENT...]
#include <cstdio>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <ini.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/result.h"

namespace hapair::test {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// What of a unit's [Service] the kernel enforces on a process.
struct Confinement {
  Words calls;             // groups and names of SystemCallFilter
  bool forbidden = false;  // they are, instead of allowed
  std::set<std::string> capabilities;
};

Confinement read_unit(const char* path) {
  Confinement unit;
  const auto take = [](void* user, const char* section, const char* key, const char* value) {
    auto& to = *static_cast<Confinement*>(user);
    if (std::string_view(section) != "Service") return 1;
    std::string_view text = value;
    if (std::string_view(key) == "CapabilityBoundingSet") {
      for (const std::string& word : words_of(text)) to.capabilities.insert(word);
    } else if (std::string_view(key) == "SystemCallFilter") {
      const bool forbidden = text.starts_with('~');
      if (!to.calls.empty() && forbidden != to.forbidden) return 0;
      to.forbidden = forbidden;
      if (forbidden) text.remove_prefix(1);
      for (const std::string& word : words_of(text)) to.calls.push_back(word);
    }
    return 1;
  };
  if (const int line = ini_parse(path, take, &unit); line != 0) {
    throw std::runtime_error(
        fmt::format("{}:{}: cannot be read as a unit that either allows or "
                    "forbids system calls",
                    path, line));
  }
  if (unit.calls.empty() || unit.capabilities.empty()) {
    throw std::runtime_error(
        fmt::format("{}: no SystemCallFilter, no CapabilityBoundingSet", path));
  }
  return unit;
}

/// The names in a group of systemd's, groups within it included.
void expand(const std::string& group, std::set<std::string>& names) {
  const std::string command = "systemd-analyze syscall-filter '" + group + "'";
  FILE* output = ::popen(command.c_str(), "r");
  if (output == nullptr) throw_system(command);
  std::string text;
  for (int byte = 0; (byte = std::fgetc(output)) != EOF;) text += static_cast<char>(byte);
  if (::pclose(output) != 0) throw std::runtime_error("failed: " + command);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string& word : words_of(line)) {
      if (word == "#" || word == group) break;  // a comment, or the heading
      if (word.starts_with('@')) {
        expand(word, names);
      } else {
        names.insert(word);
      }
    }
  }
}

void drop_capabilities(const std::set<std::string>& kept) {
  for (cap_value_t each = 0; each < cap_max_bits(); ++each) {
    char* name = cap_to_name(each);
    std::string upper;
    for (const char* at = name; *at != '\0'; ++at) upper += static_cast<char>(std::toupper(*at));
    cap_free(name);
    if (!kept.contains(upper) && cap_drop_bound(each) != 0) throw_system("drop " + upper);
  }
}

void filter_calls(const Confinement& unit) {
  std::set<std::string> names;
  for (const std::string& word : unit.calls) {
    if (word.starts_with('@')) {
      expand(word, names);
    } else {
      names.insert(word);
    }
  }
  const scmp_filter_ctx filter =
      seccomp_init(unit.forbidden ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
  for (const std::string& name : names) {
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number < 0) continue;  // of another architecture
    const uint32_t action = unit.forbidden ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW;
    if (seccomp_rule_add(filter, action, number, 0) != 0) {
      throw std::runtime_error("no rule for " + name);
    }
  }
  if (seccomp_load(filter) != 0) throw std::runtime_error("the kernel refused the filter");
  seccomp_release(filter);
}

}  // namespace
}  // namespace hapair::test

int main(int argc, char** argv) {
  using namespace hapair::test;
  if (argc < 3) {
    std::fputs("usage: confined UNIT PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  try {
    const Confinement unit = read_unit(argv[1]);
    drop_capabilities(unit.capabilities);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    filter_calls(unit);
    ::execvp(argv[2], argv + 2);
    hapair::throw_system(argv[2]);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "confined: %s\n", failure.what());
    return 1;
  }
}
