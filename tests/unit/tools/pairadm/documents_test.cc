// The man page and the completion know every option and command that is offered, and none that is
// not.
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tools/pairadm/options.h"

namespace hapair::pairadm {
namespace {

std::string read(const char* path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

/// Every dashed name and word that the page lists as an item: mdoc's `.It Fl A Fl -add-service`,
/// `.It Cm status`.
std::set<std::string> items(const std::string& page) {
  std::set<std::string> found;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(".It Fl ") && !line.starts_with(".It Cm ")) continue;
    std::istringstream words(line.substr(4));
    for (std::string macro, name; words >> macro;) {
      if ((macro == "Fl" || macro == "Cm") && words >> name)
        found.insert(macro == "Fl" ? "-" + name : name);
    }
  }
  return found;
}

/// The words that the completion may offer.
std::set<std::string> offered_words(const std::string& script) {
  std::set<std::string> found;
  std::string word;
  for (const char c : script + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') {
      word += c;
      continue;
    }
    if (!word.empty()) found.insert(word);
    word.clear();
  }
  return found;
}

bool is_offered(const Option& option) {
  return !option.help.empty();
}
bool is_offered(const Command& command) {
  return command.refusal.empty();
}

TEST(ManPage, DescribesEveryOptionAndCommand) {
  const auto described = items(read(PAIRADM_MAN));
  for (const Option& option : options()) {
    if (!is_offered(option)) continue;
    EXPECT_TRUE(described.contains(fmt::format("--{}", option.name))) << option.name;
    if (option.letter == 0) continue;
    EXPECT_TRUE(described.contains(fmt::format("-{}", option.letter))) << option.letter;
  }
  for (const Command& command : commands()) {
    if (!is_offered(command)) continue;
    if (command.letter == 0) {
      EXPECT_TRUE(described.contains(std::string(command.name))) << command.name;
      continue;
    }
    EXPECT_TRUE(described.contains(fmt::format("-{}", command.letter))) << command.name;
    EXPECT_TRUE(described.contains(fmt::format("--{}", command.name))) << command.name;
  }
}

TEST(ManPage, DescribesNothingElse) {
  std::set<std::string> known;
  for (const Option& option : options()) {
    if (!is_offered(option)) continue;
    known.insert(fmt::format("--{}", option.name));
    known.insert(fmt::format("-{}", option.letter));
  }
  for (const Command& command : commands()) {
    if (!is_offered(command)) continue;
    known.insert(command.letter == 0 ? std::string(command.name)
                                     : fmt::format("--{}", command.name));
    known.insert(fmt::format("-{}", command.letter));
    known.insert(fmt::format("-{}", command.second_letter));
  }
  for (const std::string& item : items(read(PAIRADM_MAN)))
    EXPECT_TRUE(known.contains(item)) << item;
}

/// What the completion offers for the last word of a command line.
std::string completed(const std::string& line, const std::string& last) {
  const std::string script = fmt::format(
      "source {}; COMP_WORDS=(pairadm {} '{}'); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _pairadm; "
      "echo -n \"${{COMPREPLY[*]}}\"",
      PAIRADM_COMPLETION, line, last);
  const auto done = test::run_program({.argv = {"bash", "--norc", "-c", script}});
  EXPECT_EQ(done.err, "") << line;
  return done.out;
}

TEST(Completion, FollowsTheCommand) {
  EXPECT_EQ(completed("", "--add-s"), "--add-service --add-server");
  EXPECT_EQ(completed("", "sta"), "status");
  EXPECT_EQ(completed("-A -t 192.0.2.10:80", "--s"), "--scheduler --sched-flags");
  EXPECT_EQ(completed("-a --state", "d"), "drain disabled");
  EXPECT_EQ(completed("-A -t 192.0.2.10:80 -s", "w"), "wrr wlc");
  EXPECT_EQ(completed("-a -t 192.0.2.10:80", "--r"), "--real-server --run-dir");
  EXPECT_EQ(completed("-Ln", "--j"), "--json");
  EXPECT_EQ(completed("status", "--j"), "--json");
  EXPECT_EQ(completed("-D", "--j"), "");
  EXPECT_EQ(completed("-A -t", ""), "") << "an address is not ours to guess";
}

TEST(Completion, OffersEveryOptionAndCommand) {
  const auto offered = offered_words(read(PAIRADM_COMPLETION));
  for (const Option& option : options())
    EXPECT_EQ(offered.contains(fmt::format("--{}", option.name)), is_offered(option))
        << option.name;
  for (const Command& command : commands()) {
    const std::string word =
        command.letter == 0 ? std::string(command.name) : fmt::format("--{}", command.name);
    EXPECT_EQ(offered.contains(word), is_offered(command)) << command.name;
  }
}

}  // namespace
}  // namespace hapair::pairadm
