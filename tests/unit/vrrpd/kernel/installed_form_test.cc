// With which prefix a VIP goes onto an interface.
#include <gtest/gtest.h>

#include "vrrpd/kernel/netlink_address.h"

namespace hapair::vrrp {
namespace {

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

TEST(InstalledForm, covered_by_the_interfaces_own_network_it_is_a_host_address) {
  const std::vector<Prefix> own{prefix("192.0.2.1/24"), prefix("10.0.0.1/24")};
  EXPECT_EQ(installed_form(prefix("10.0.0.100/24"), own), prefix("10.0.0.100/32"));
  EXPECT_EQ(installed_form(prefix("10.0.0.100/16"), own), prefix("10.0.0.100/32"));
}

TEST(InstalledForm, of_ipv6_alike) {
  const std::vector<Prefix> own{prefix("10.0.0.1/24"), prefix("fe80::1/64"),
                                prefix("2001:db8::1/64")};
  EXPECT_EQ(installed_form(prefix("fe80::100/64"), own), prefix("fe80::100/128"));
  EXPECT_EQ(installed_form(prefix("2001:db8::100/64"), own), prefix("2001:db8::100/128"));
  EXPECT_EQ(installed_form(prefix("2001:db8:1::100/64"), own), prefix("2001:db8:1::100/64"));
}

TEST(InstalledForm, of_a_foreign_network_an_ipv4_one_is_a_host_address_too) {
  const std::vector<Prefix> own{prefix("10.0.0.1/24")};
  EXPECT_EQ(installed_form(prefix("192.0.2.100/24"), own), prefix("192.0.2.100/32"));
  EXPECT_EQ(installed_form(prefix("192.0.2.100/24"), {}), prefix("192.0.2.100/32"));
}

}  // namespace
}  // namespace hapair::vrrp
