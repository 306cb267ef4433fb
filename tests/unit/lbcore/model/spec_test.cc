#include "lbcore/model/spec.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;
using test::server;
using test::web;

TEST(Sticky, Accepted) {
  EXPECT_EQ(parse_sticky("none").value(), StickySpec{});
  EXPECT_EQ(parse_sticky("source/32 10m").value(), (StickySpec{.timeout = 10min}));
  EXPECT_EQ(parse_sticky(" source/24\t90s ").value(),
            (StickySpec{.timeout = 90s, .prefix_v4 = 24}));
  EXPECT_EQ(parse_sticky("source/64 1h").value(), (StickySpec{.timeout = 1h, .prefix_v6 = 64}));
  EXPECT_EQ(parse_sticky("source/24/56 1h").value(),
            (StickySpec{.timeout = 1h, .prefix_v4 = 24, .prefix_v6 = 56}));
}

TEST(Sticky, PrintedAsItIsRead) {
  for (const char* text : {"none", "source/32 10m", "source/24 90s", "source/64 1h",
                           "source/24/56 1h", "source/32/20 1h"}) {
    EXPECT_EQ(to_string(parse_sticky(text).value()), text);
  }
}

struct Refused {
  const char* text;
  const char* error;
};

class StickyRefused : public ::testing::TestWithParam<Refused> {};

TEST_P(StickyRefused, SaysWhatWouldBeValid) {
  const auto sticky = parse_sticky(GetParam().text);
  ASSERT_FALSE(sticky);
  EXPECT_EQ(sticky.error().message, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, StickyRefused,
    ::testing::Values(
        Refused{"", "is empty; valid: none, or source/PREFIX TIMEOUT as in source/32 10m"},
        Refused{"cookie SRV",
                "cookie needs an HTTP service, which is not offered yet; valid: none, "
                "or source/PREFIX TIMEOUT as in source/32 10m"},
        Refused{"ip 10m",
                "'ip' is not known; valid: none, or source/PREFIX TIMEOUT as in source/32 10m"},
        Refused{"source/32",
                "'source/32' has no timeout; valid: none, or source/PREFIX TIMEOUT as in source/32 "
                "10m"},
        Refused{"source/32 10m now",
                "'now' is too much; valid: none, or source/PREFIX TIMEOUT as in source/32 10m"},
        Refused{"source/0 10m",
                "'source/0': the prefix length must be 1 to 32 (IPv4) or 1 to 128 (IPv6)"},
        Refused{"source/129 10m",
                "'source/129': the prefix length must be 1 to 32 (IPv4) or 1 to 128 (IPv6)"},
        Refused{"source/33/64 10m",
                "'source/33/64': the prefix lengths must be 1 to 32 (IPv4) and 1 to 128 (IPv6)"},
        Refused{"source/24/ 10m",
                "'source/24/': the prefix lengths must be 1 to 32 (IPv4) and 1 to 128 (IPv6)"},
        Refused{"source/24/64/1 10m",
                "'source/24/64/1': the prefix lengths must be 1 to 32 (IPv4) and 1 to 128 (IPv6)"},
        Refused{"source/32 10ms", "timeout 10ms is out of range, valid are 1s to 31d"},
        Refused{"source/32 40d", "timeout 40d is out of range, valid are 1s to 31d"}));

TEST(Validate, TakesAWholeSpec) {
  EXPECT_TRUE(validate(web()));
}

struct Broken {
  const char* name;
  void (*breaks)(Spec&);
  const char* error;
};

class ValidateRefuses : public ::testing::TestWithParam<Broken> {};

TEST_P(ValidateRefuses, NamesTheThing) {
  Spec spec = web();
  GetParam().breaks(spec);
  const auto status = validate(spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, ValidateRefuses,
    ::testing::Values(
        Broken{"udp_anywhere",
               [](Spec& spec) {
                 spec.services[0].protocol = Protocol::udp;
                 spec.services[0].listen = at("0.0.0.0:53");
               },
               "service web: udp needs an address: answers leave from the one that was asked"},
        Broken{"multicast", [](Spec& spec) { spec.services[0].listen = at("224.0.0.1:53"); },
               "service web: 224.0.0.1 is a multicast address"},
        Broken{"one_shot", [](Spec& spec) { spec.services[0].one_shot = true; },
               "service web: one-shot is for udp"},
        Broken{"header_before_datagrams",
               [](Spec& spec) {
                 spec.services[0].protocol = Protocol::udp;
                 spec.services[0].relay.proxy_from = {Prefix::parse("10.0.0.0/8").value()};
               },
               "service web: proxy_from is for tcp"},
        Broken{"limits_of_one_shot",
               [](Spec& spec) {
                 spec.services[0].protocol = Protocol::udp;
                 spec.services[0].one_shot = true;
                 spec.services[0].relay.max_rate = 1;
               },
               "service web: one-shot has no limits of connections"},
        Broken{"link_local_service",
               [](Spec& spec) { spec.services[0].listen = at("[fe80::1]:80"); },
               "service web: fe80::1 is link-local and means nothing without an interface; use "
               "another address"},
        Broken{"link_local_server",
               [](Spec& spec) { spec.pools[0].servers[0].address = at("[fe80::1]:80"); },
               "server web/a: fe80::1 is link-local and means nothing without an interface; use "
               "another address"},
        Broken{"transparent_udp",
               [](Spec& spec) {
                 spec.pools[0].relay.transparent = true;
                 spec.services[0].protocol = Protocol::udp;
               },
               "pool web: transparent: service web is udp, and transparent is for tcp"},
        Broken{"transparent_families",
               [](Spec& spec) {
                 spec.pools[0].relay.transparent = true;
                 spec.pools[0].servers[1].address = at("[2001:db8::2]:80");
               },
               "pool web: transparent: service web has IPv4 clients, which server "
               "[2001:db8::2]:80 (IPv6) cannot see as themselves"},
        Broken{"same_service",
               [](Spec& spec) {
                 spec.services.push_back(
                     {.name = "web", .listen = at("10.0.0.100:81"), .pool = "web"});
               },
               "there are two services named web"},
        Broken{"same_listen",
               [](Spec& spec) {
                 spec.services.push_back(
                     {.name = "other", .listen = at("10.0.0.100:80"), .pool = "web"});
               },
               "service other: tcp 10.0.0.100:80 belongs to another service"},
        Broken{"no_pool", [](Spec& spec) { spec.services[0].pool = "nope"; },
               "service web: there is no pool nope"},
        Broken{"same_pool", [](Spec& spec) { spec.pools.push_back({.name = "web"}); },
               "there are two pools named web"},
        Broken{"same_server_name",
               [](Spec& spec) { spec.pools[0].servers.push_back(server("a", "10.0.1.3:80")); },
               "pool web has two servers named a"},
        Broken{"same_server_address",
               [](Spec& spec) { spec.pools[0].servers.push_back(server("c", "10.0.1.1:80")); },
               "pool web has two servers at 10.0.1.1:80"},
        Broken{"limits",
               [](Spec& spec) {
                 spec.pools[0].servers[0].max_connections = 10;
                 spec.pools[0].servers[0].min_connections = 11;
               },
               "server web/a: min_connections 11 is above max_connections 10"},
        Broken{"weight", [](Spec& spec) { spec.pools[0].servers[0].weight = 2147483648U; },
               "server web/a: weight 2147483648 is out of range, valid are 0 to 2147483647"}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace hapair::lbcore
