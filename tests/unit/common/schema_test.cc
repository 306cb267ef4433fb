#include "common/config/schema.h"

#include <array>

#include <gtest/gtest.h>

#include "common/config/pair_section.h"

namespace hapair::config {
namespace {

constexpr std::array kRouterKeys{
    Key{.name = "interface", .fallback = std::nullopt},
    Key{.name = "vrid",
        .type = Type::integer,
        .least = "1",
        .most = "255",
        .fallback = std::nullopt},
    Key{.name = "interval",
        .type = Type::duration,
        .least = "10ms",
        .most = "40s",
        .fallback = "1s"},
    Key{.name = "addresses", .type = Type::prefix, .list = true},
    Key{.name = "mode", .type = Type::choice, .fallback = "slow", .choices = "slow|fast"},
    Key{.name = "buffer", .type = Type::size, .least = "4k"},
    Key{.name = "preempt", .type = Type::yes_no, .fallback = "no"},
};
const std::array kKinds{Kind{.name = "router", .named = Kind::Named::always, .keys = kRouterKeys},
                        kPairKind,
                        Kind{.name = "other", .named = Kind::Named::optional, .foreign = true}};

Result<Config> load_as(const std::string& node, std::string_view text) {
  return load_text(text, "f", node, kKinds);
}

std::string error_of(std::string_view text, const std::string& node = "lb1") {
  const auto config = load_as(node, text);
  return config ? "accepted" : config.error().message;
}

TEST(Schema, TypedValuesAndDefaults) {
  const auto config = load_as(
      "lb1",
      "[router a]\ninterface = eth0\nvrid = 51\naddresses = 10.0.0.1/24, 10.0.0.2\nbuffer = 64k\n");
  ASSERT_TRUE(config) << config.error().message;
  const Section& router = *config->find("router", "a");
  EXPECT_EQ(router.text("interface"), "eth0");
  EXPECT_EQ(router.integer("vrid"), 51);
  EXPECT_EQ(router.duration("interval"), 1s);
  EXPECT_EQ(router.text("mode"), "slow");
  EXPECT_EQ(router.size("buffer"), 65536U);
  EXPECT_FALSE(router.yes("preempt"));
  const auto addresses = router.list<Prefix>("addresses");
  ASSERT_EQ(addresses.size(), 2U);
  EXPECT_EQ(addresses[1].to_string(), "10.0.0.2/32");
}

TEST(Schema, ANodeSeesItsOwnValue) {
  const std::string_view text =
      "[router a]\ninterface = eth0\nvrid = 1\ninterval = 2s\ninterval@lb2 = 3s\n"
      "preempt@lb1 = yes\n";
  EXPECT_EQ(load_as("lb1", text)->find("router", "a")->duration("interval"), 2s);
  EXPECT_EQ(load_as("lb2", text)->find("router", "a")->duration("interval"), 3s);
  EXPECT_TRUE(load_as("lb1", text)->find("router", "a")->yes("preempt"));
  EXPECT_FALSE(load_as("lb2", text)->find("router", "a")->yes("preempt"));
  EXPECT_EQ(load_as("lb1", text)->peer(), "lb2");
}

TEST(Schema, NumberedListsKeepTheirOrder) {
  const auto config = load_as("lb1",
                              "[router a]\ninterface = e\nvrid = 1\naddresses.2 = "
                              "10.0.0.2\naddresses.1 = 10.0.0.1\naddresses.10 = ::1\n");
  const auto addresses = config->find("router", "a")->list<Prefix>("addresses");
  ASSERT_EQ(addresses.size(), 3U);
  EXPECT_EQ(addresses[0].to_string(), "10.0.0.1/32");
  EXPECT_EQ(addresses[2].to_string(), "::1/128");
}

TEST(Schema, MistakesNameThePlaceTheValueAndWhatIsValid) {
  EXPECT_EQ(error_of("[rooter a]\n"),
            "f:1: [rooter a]: unknown kind of section; valid: router, pair, other");
  EXPECT_EQ(error_of("[router]\ninterface = e\nvrid = 1\n"),
            "f:1: [router]: needs a name; valid: [router NAME]");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 300\n"),
            "f:3: [router a]: vrid: 300 is out of range; valid: 1 to 255");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = x\n"),
            "f:3: [router a]: vrid: 'x' is no whole number");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\ninterval = 10\n"),
            "f:4: [router a]: interval: '10' is no duration; valid: a number with us, ms, s, m, h "
            "or d, as in 10ms");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\ninterval = 5ms\n"),
            "f:4: [router a]: interval: 5ms is out of range; valid: 10ms to 40s");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\nbuffer = 1k\n"),
            "f:4: [router a]: buffer: 1k is too little; valid: at least 4k");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\nmode = warp\n"),
            "f:4: [router a]: mode: 'warp' is not known here; valid: slow, fast");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\ncolour = red\n"),
            "f:4: [router a]: colour: unknown key; valid: interface, vrid, interval, addresses, "
            "mode, buffer, preempt");
  EXPECT_EQ(error_of("[router a]\ninterface = e\n"),
            "f:1: [router a]: vrid: is missing and has no default");
  EXPECT_EQ(error_of("[router a]\ninterface =\nvrid = 1\n"),
            "f:2: [router a]: interface: has no value");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid.1 = 1\n"),
            "f:3: [router a]: vrid: takes one value, not a numbered list");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\naddresses = 10.0.0.1,,\n"),
            "f:4: [router a]: addresses: has no value");
}

TEST(Schema, TheOtherNodesMistakesAreFoundHereToo) {
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid@lb1 = 1\nvrid@lb2 = 999\n"),
            "f:4: [router a]: vrid: 999 is out of range; valid: 1 to 255");
  EXPECT_EQ(error_of("[router a]\ninterface@lb1 = e\nvrid@lb1 = 1\nvrid@lb2 = 1\n"),
            "f:1: [router a]: interface: is missing for node lb2 and has no default");
}

TEST(Schema, AHostNameThatNobodyNamesIsAMistake) {
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid@lb1 = 1\nvrid@lb2 = 1\n", "web7"),
            "f: this node is called 'web7', which no @node in the file names; valid: lb1, lb2 (or "
            "give the name with "
            "--node)");
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 1\n", "web7"), "accepted");
}

TEST(Schema, AllMistakesAreToldAtOnce) {
  EXPECT_EQ(error_of("[router a]\ninterface = e\nvrid = 0\ncolour = red\n[nope]\n"),
            "f:3: [router a]: vrid: 0 is out of range; valid: 1 to 255\n"
            "f:4: [router a]: colour: unknown key; valid: interface, vrid, interval, addresses, "
            "mode, buffer, preempt\n"
            "f:5: [nope]: unknown kind of section; valid: router, pair, other");
}

TEST(Schema, ForeignSectionsAreMentionedNotRead) {
  const auto config = load_as("lb1", "[other x]\nwhat = ever\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->mentions("other"));
  EXPECT_FALSE(config->mentions("router"));
  EXPECT_EQ(config->find("other", "x"), nullptr);
}

TEST(Schema, SettingsCompareByValueNotByPlace) {
  const auto before = load_as("lb1", "[router a]\ninterface = e\nvrid = 1\ninterval = 1000ms\n");
  const auto after = load_as("lb1", "\n\n[router a]\nvrid = 1\ninterface = e\n");
  EXPECT_EQ(before->find("router", "a")->settings(), after->find("router", "a")->settings());
  EXPECT_NE(before->hash(), after->hash());
}

constexpr std::string_view kPairText =
    "[pair]\naddress@lb1 = 10.255.0.1:7400\naddress@lb2 = 10.255.0.2:7400\n";

TEST(PairSection, KnowsBothEnds) {
  const auto pair = read_pair(*load_as("lb2", kPairText));
  ASSERT_TRUE(pair && *pair);
  EXPECT_EQ((*pair)->peer, "lb1");
  EXPECT_EQ((*pair)->own.to_string(), "10.255.0.2:7400");
  EXPECT_EQ((*pair)->other.to_string(), "10.255.0.1:7400");
  EXPECT_EQ((*pair)->key_file, "/etc/hapair/pair.key");
}

TEST(PairSection, IsOptional) {
  EXPECT_FALSE(read_pair(*load_as("lb1", "[other]\n"))->has_value());
}

TEST(PairSection, NeedsTwoDifferentEnds) {
  const auto error = [](std::string_view text) {
    return read_pair(*load_as("lb1", text)).error().message;
  };
  EXPECT_EQ(error("[pair]\naddress = 10.0.0.1:1\n"),
            "f:2: [pair]: address: a pair has two nodes: write address@ONE and address@OTHER");
  EXPECT_EQ(error("[pair]\naddress@lb1 = 10.0.0.1:1\naddress@lb2 = 10.0.0.1:1\n"),
            "f:2: [pair]: address: both nodes have 10.0.0.1:1");
  EXPECT_EQ(error("[pair]\naddress@lb1 = 10.0.0.1:1\naddress@lb2 = [::1]:1\n"),
            "f:2: [pair]: address: one node has an IPv4, the other an IPv6 address");
  EXPECT_EQ(error("[pair]\naddress@lb1 = 10.0.0.1:0\naddress@lb2 = 10.0.0.2:1\n"),
            "f:2: [pair]: address: port 0 is no port; valid: 1 to 65535");
}

}  // namespace
}  // namespace hapair::config
