// Which address of an interface the advertisements come from: the addresses in, the choice or what
// is missing out.
#include "vrrpd/speaker/source_address.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

OwnAddress own(std::string_view text) {
  return {.prefix = Prefix::parse(text).value()};
}
OwnAddress marked(std::string_view text) {
  return {.prefix = Prefix::parse(text).value(), .marked = true};
}
OwnAddress temporary(std::string_view text) {
  return {.prefix = Prefix::parse(text).value(), .secondary = true};
}
OwnAddress tentative(std::string_view text) {
  return {.prefix = Prefix::parse(text).value(), .tentative = true};
}
OwnAddress duplicate(std::string_view text) {
  return {.prefix = Prefix::parse(text).value(), .tentative = true, .duplicate = true};
}

/// "address" or "! what is missing".
std::string choice(std::vector<OwnAddress> addresses, std::string_view vip,
                   std::string_view peer = {}, uint8_t priority = 100) {
  Interface interface;
  interface.name = "eth0";
  interface.addresses = std::move(addresses);
  RouterConfig router;
  router.addresses = {Prefix::parse(vip).value()};
  router.family = router.addresses[0].ip.family();
  router.parameters.priority = priority;
  if (!peer.empty()) router.peer = IpAddress::parse(peer).value();
  const auto chosen = source_address(interface, router);
  return chosen ? chosen->to_string() : "! " + chosen.error();
}

TEST(SourceAddress, of_ipv4_is_the_first_that_is_no_vip) {
  EXPECT_EQ(
      choice({own("fe80::1/64"), marked("10.0.0.99/32"), own("10.0.0.1/24"), own("10.0.1.1/24")},
             "10.0.0.100/24"),
      "10.0.0.1");
  EXPECT_EQ(choice({temporary("10.0.0.2/24"), own("10.0.1.1/24")}, "10.0.0.100/24"), "10.0.1.1");
  EXPECT_EQ(choice({own("10.0.0.100/24")}, "10.0.0.100/24"),
            "! eth0 has no IPv4 address of its own");
}

TEST(SourceAddress, of_ipv6_is_the_link_local_one) {
  EXPECT_EQ(choice({own("10.0.0.1/24"), own("2001:db8::1/64"), marked("fe80::100/128"),
                    own("fe80::1/64"), own("fe80::2/64")},
                   "fe80::100/64"),
            "fe80::1");
  EXPECT_EQ(choice({own("fe80::100/64"), own("fe80::1/64")}, "fe80::100/64"), "fe80::1");
  EXPECT_EQ(choice({own("2001:db8::1/64")}, "fe80::100/64"),
            "! eth0 has no IPv6 link-local address of its own");
}

TEST(SourceAddress, of_ipv6_is_one_that_the_kernel_lets_out) {
  EXPECT_EQ(choice({tentative("fe80::1/64"), own("fe80::2/64")}, "fe80::100/64"), "fe80::2");
  EXPECT_EQ(choice({tentative("fe80::1/64")}, "fe80::100/64"),
            "! fe80::1 on eth0 is still being checked for duplicates");
  EXPECT_EQ(choice({duplicate("fe80::1/64")}, "fe80::100/64"),
            "! fe80::1 on eth0 is a duplicate of another machine's address");
}

TEST(SourceAddress, towards_a_global_peer_is_global_and_of_its_network_if_possible) {
  const std::vector<OwnAddress> all{own("2001:db8:1::1/64"), temporary("2001:db8:2::7/64"),
                                    own("2001:db8:2::1/64"), own("fe80::1/64")};
  EXPECT_EQ(choice(all, "2001:db8:2::100/64", "2001:db8:2::2"), "2001:db8:2::1");
  EXPECT_EQ(choice(all, "2001:db8:2::100/64", "2001:db8:9::2"), "2001:db8:1::1");
  EXPECT_EQ(choice(all, "2001:db8:2::100/64", "fe80::2"), "fe80::1");
  EXPECT_EQ(choice({own("fe80::1/64")}, "2001:db8:2::100/64", "2001:db8:2::2"),
            "! eth0 has no global IPv6 address of its own, to reach 2001:db8:2::2");
}

TEST(SourceAddress, an_owner_uses_its_vip_if_there_is_nothing_else) {
  EXPECT_EQ(choice({own("10.0.0.1/24")}, "10.0.0.1/24", {}, 255), "10.0.0.1");
  EXPECT_EQ(choice({own("10.0.0.1/24"), own("10.0.1.1/24")}, "10.0.0.1/24", {}, 255), "10.0.1.1");
  EXPECT_EQ(choice({own("fe80::1/64")}, "fe80::1/64", {}, 255), "fe80::1");
}

}  // namespace
}  // namespace hapair::vrrp
