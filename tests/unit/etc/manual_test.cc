// hapair.conf(5) says what the key tables say: every key of every section, its type, range,
// default, and whether a change needs a restart. An entry's head in the page is
//   .It Cm KEY No (TYPE; RANGE or CHOICES; required or default X; restart)
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/ini_reader.h"
#include "common/config/schema.h"
#include "lbcore/config.h"
#include "vrrpd/config/config.h"

namespace hapair::config {
namespace {

std::string type_name(const Key& key) {
  if (key.list && key.type == Type::address) return "list of addresses";
  if (key.list) return key.type == Type::text ? "list of names" : "list of prefixes";
  switch (key.type) {
    case Type::text:
      return "text";
    case Type::integer:
      return "integer";
    case Type::duration:
      return "duration";
    case Type::size:
      return "size";
    case Type::yes_no:
      return "switch";
    case Type::choice:
      return "choice";
    case Type::address:
      return "address";
    case Type::endpoint:
      return "endpoint";
    case Type::prefix:
      return "prefix";
  }
  return "";
}

std::string head_of(const Key& key) {
  std::string head = fmt::format(".It Cm {} No ({}", key.name, type_name(key));
  if (!key.least.empty()) head += fmt::format("; {} to {}", key.least, key.most);
  if (!key.choices.empty()) {
    std::string choices(key.choices);
    for (size_t bar = 0; (bar = choices.find('|', bar)) != std::string::npos;)
      choices.replace(bar, 1, ", ");
    head += "; " + choices;
  }
  if (!key.fallback) {
    head += "; required";
  } else if (!key.fallback->empty()) {
    head += fmt::format("; default {}", *key.fallback);
  }
  if (!key.reloadable) head += "; restart";
  return head + ")";
}

/// Entry heads of the page by section kind, in the page's order.
std::map<std::string, std::vector<std::string>> heads_in_the_manual() {
  std::map<std::string, std::vector<std::string>> heads;
  std::istringstream page(*read_text(HAPAIR_ETC "/hapair.conf.5"));
  std::string kind;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(".Ss [")) kind = line.substr(5, line.find_first_of(" ]", 5) - 5);
    if (line.starts_with(".Sh ")) kind.clear();
    if (!kind.empty() && line.starts_with(".It Cm ")) heads[kind].push_back(line);
  }
  return heads;
}

TEST(Manual, TellsEveryKeyAsItsTableDoes) {
  std::map<std::string, std::vector<std::string>> expected;
  for (const auto kinds : {vrrp::config_kinds(), lbcore::config_kinds()}) {
    for (const Kind& kind : kinds) {
      if (kind.foreign) continue;
      auto& heads = expected[std::string(kind.name)];
      heads.clear();  // [pair] is in both
      for (const Key& key : kind.keys) heads.push_back(head_of(key));
    }
  }
  const auto found = heads_in_the_manual();
  for (const auto& [kind, heads] : expected) {
    const auto section = found.find(kind);
    ASSERT_NE(section, found.end()) << "no .Ss [" << kind << "] in the page";
    EXPECT_THAT(section->second, ::testing::UnorderedElementsAreArray(heads))
        << "in [" << kind << "]";
  }
  EXPECT_EQ(found.size(), expected.size());
}

}  // namespace
}  // namespace hapair::config
