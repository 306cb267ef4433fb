// The reader's rules, one test each: what inih alone would let through silently must be an error
// with its line.
#include "common/config/ini_reader.h"

#include <gtest/gtest.h>

namespace hapair::config {
namespace {

IniFile parse(std::string_view text) {
  auto file = parse_ini(text, "f");
  EXPECT_TRUE(file) << file.error().message;
  return file ? *file : IniFile{};
}

std::string error_of(std::string_view text) {
  const auto file = parse_ini(text, "f");
  return file ? "accepted" : file.error().message;
}

TEST(IniReader, SectionsKeysAndLines) {
  const IniFile file =
      parse("; a comment\n[pair]\n\n[vrrp main]\nvrid = 51\naddress@lb1.example = a = b\n");
  ASSERT_EQ(file.sections.size(), 2U);
  EXPECT_EQ(file.sections[0].kind, "pair");
  EXPECT_EQ(file.sections[0].name, "");
  EXPECT_EQ(file.sections[0].line, 2);
  const IniSection& main = file.sections[1];
  EXPECT_EQ(main.kind, "vrrp");
  EXPECT_EQ(main.name, "main");
  ASSERT_EQ(main.entries.size(), 2U);
  EXPECT_EQ(main.entries[0].key, "vrid");
  EXPECT_EQ(main.entries[0].value, "51");
  EXPECT_EQ(main.entries[0].line, 5);
  EXPECT_EQ(main.entries[1].node, "lb1.example");
  EXPECT_EQ(main.entries[1].value, "a = b");
}

TEST(IniReader, EmptySectionsAreSeen) {
  EXPECT_EQ(parse("[a]\n[b]\n").sections.size(), 2U);
}

TEST(IniReader, LongSectionNamesAreKeptWhole) {
  const std::string name(90, 'x');
  EXPECT_EQ(parse("[pool " + name + "]\nk = v\n").sections[0].name, name);
}

TEST(IniReader, IndentationIsNoContinuation) {
  const IniFile file = parse("[a]\nx = 1\n    y = 2\n");
  ASSERT_EQ(file.sections[0].entries.size(), 2U);
  EXPECT_EQ(file.sections[0].entries[1].key, "y");
}

TEST(IniReader, BackslashJoinsLines) {
  const IniFile file = parse("[a]\nx = 1, \\\n    2, \\\n 3\ny = 4\n");
  ASSERT_EQ(file.sections[0].entries.size(), 2U);
  EXPECT_EQ(file.sections[0].entries[0].value, "1,  2,  3");
  EXPECT_EQ(file.sections[0].entries[0].line, 2);
  EXPECT_EQ(file.sections[0].entries[1].line, 5);
}

TEST(IniReader, ABackslashInACommentJoinsNothing) {
  EXPECT_EQ(parse("[a]\n; x = 1, \\\ny = 2\n").sections[0].entries.size(), 1U);
}

TEST(IniReader, ABackslashAtTheEndIsAnError) {
  EXPECT_EQ(error_of("[a]\nx = 1\\"), "f:2: ends in '\\', but there is no next line to join");
}

TEST(IniReader, CommentsWithinALineNeedWhiteSpace) {
  const IniFile file = parse("[a]\nx = 1 ; why\ny = 2\t# why\nz = a;b#c\n");
  EXPECT_EQ(file.sections[0].entries[0].value, "1");
  EXPECT_EQ(file.sections[0].entries[1].value, "2");
  EXPECT_EQ(file.sections[0].entries[2].value, "a;b#c");
}

TEST(IniReader, ALineThatInihWouldCutIsAnError) {
  const std::string fits = "x = " + std::string(194, 'v');
  EXPECT_EQ(parse("[a]\n" + fits + "\n").sections[0].entries[0].value.size(), 194U);
  EXPECT_EQ(error_of("[a]\n" + fits + "v\n"),
            "f:2: is 199 characters long; at most 198 are read: repeat a list as key.1, key.2");
}

TEST(IniReader, BrokenHeadersAreErrorsAndSwallowTheirKeys) {
  EXPECT_EQ(error_of("[a]\n[unclosed\nx = 1\n"),
            "f:2: '[unclosed': the section header is not closed; valid: [kind name]");
  EXPECT_EQ(error_of("[]\n"), "f:1: '[]' is no section header; valid: [kind] or [kind name]");
  EXPECT_EQ(error_of("[a] b\n"), "f:1: '[a] b': text behind the section header");
  EXPECT_EQ(error_of("[a [b]]\n"),
            "f:1: '[a [b]]' is no section header; valid: [kind] or [kind name]");
}

TEST(IniReader, BadLinesAreErrors) {
  EXPECT_EQ(error_of("x = 1\n"), "f:1: 'x' stands before the first section");
  EXPECT_EQ(error_of("[a]\nnonsense\n"),
            "f:2: 'nonsense' has no '='; valid: key = value, or [kind name]");
  EXPECT_EQ(error_of("[a]\naddress@lb1 10.0.0.1:80\n"),
            "f:2: 'address@lb1 10.0.0.1:80' has no '='; valid: key = value, or [kind name]");
  EXPECT_EQ(error_of("[a]\na b = 1\n"),
            "f:2: 'a b' is no key; valid: letters, digits and _ before the '='");
  EXPECT_EQ(error_of("[a]\n= 1\n"),
            "f:2: '' is no key; valid: letters, digits and _ before the '='");
  EXPECT_EQ(error_of("[a]\nx@ = 1\n"), "f:2: 'x@': a node's name must follow the one '@'");
  EXPECT_EQ(error_of("[a]\n@n = 1\n"), "f:2: '@n' has no key before the '='");
  EXPECT_EQ(error_of("[a]\nx.0 = 1\n"),
            "f:2: 'x.0': a list's number (1, 2, ...) must follow the '.'");
  EXPECT_EQ(error_of(std::string_view("[a]\nx = 1\0002\n", 11)), "f:2: has a NUL byte");
}

TEST(IniReader, DuplicatesAreErrors) {
  EXPECT_EQ(error_of("[a x]\n[b]\n[a x]\n"), "f:3: [a x] stands already in line 1");
  EXPECT_EQ(error_of("[a]\nx = 1\nx = 2\n"), "f:3: x stands already in line 2");
  EXPECT_EQ(error_of("[a]\nx@n = 1\nx@n = 2\n"), "f:3: x@n stands already in line 2");
  EXPECT_EQ(error_of("[a]\nx.1 = 1\nx.1 = 2\n"), "f:3: x.1 stands already in line 2");
  EXPECT_EQ(error_of("[a]\nx = 1\nx@n = 2\nx.1 = 3\n[b]\nx = 1\n"), "accepted");
}

TEST(IniReader, AllMistakesAreToldAtOnce) {
  EXPECT_EQ(error_of("[a]\nbad\nx = 1\nworse\n"),
            "f:2: 'bad' has no '='; valid: key = value, or [kind name]\n"
            "f:4: 'worse' has no '='; valid: key = value, or [kind name]");
}

TEST(IniReader, ForeignLineEndsAndMarksAreRead) {
  const IniFile file = parse("\xef\xbb\xbf[a]\r\nx = 1\r\n");
  EXPECT_EQ(file.sections[0].entries[0].value, "1");
}

TEST(IniReader, NumberedAndNodeKeys) {
  const IniFile file = parse("[a]\naddresses.2@lb1 = x\n");
  EXPECT_EQ(file.sections[0].entries[0].key, "addresses");
  EXPECT_EQ(file.sections[0].entries[0].index, 2);
  EXPECT_EQ(file.sections[0].entries[0].node, "lb1");
}

TEST(ReadText, NamesWhatCannotBeRead) {
  EXPECT_EQ(read_text("/nonexistent/hapair.conf").error().message,
            "/nonexistent/hapair.conf: No such file or directory");
  EXPECT_FALSE(read_text("/"));
}

}  // namespace
}  // namespace hapair::config
