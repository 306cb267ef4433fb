#include "common/address.h"

#include <gtest/gtest.h>

namespace hapair {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("10.0.0.1")->to_string(), "10.0.0.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::1")->to_string(), "2001:db8::1");
  EXPECT_TRUE(IpAddress::parse("10.0.0.1")->is_v4());
  EXPECT_TRUE(IpAddress::parse("::1")->is_v6());
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* text :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1 ", "[::1]", "fe80::1%eth0", "host"}) {
    const auto result = IpAddress::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_NE(result.error().message.find("valid:"), std::string::npos) << text;
  }
}

TEST(IpAddress, OrdersAsUnsignedNetworkOrder) {
  EXPECT_LT(*IpAddress::parse("10.0.0.9"), *IpAddress::parse("10.0.0.10"));
  EXPECT_LT(*IpAddress::parse("127.0.0.1"), *IpAddress::parse("128.0.0.1"));
  EXPECT_LT(*IpAddress::parse("255.255.255.255"), *IpAddress::parse("::"));
}

TEST(IpAddress, MasksToAPrefix) {
  EXPECT_EQ(IpAddress::parse("10.1.2.255")->masked(24).to_string(), "10.1.2.0");
  EXPECT_EQ(IpAddress::parse("10.1.2.255")->masked(25).to_string(), "10.1.2.128");
  EXPECT_EQ(IpAddress::parse("10.1.2.3")->masked(0).to_string(), "0.0.0.0");
  EXPECT_EQ(IpAddress::parse("2001:db8:ffff::1")->masked(36).to_string(), "2001:db8:f000::");
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.18")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("223.0.0.18")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("169.254.1.1")->is_link_local());
  EXPECT_TRUE(IpAddress{}.is_unspecified());
}

TEST(Endpoint, ParsesBracketsForIpv6Only) {
  EXPECT_EQ(Endpoint::parse("10.0.0.1:80")->to_string(), "10.0.0.1:80");
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]:443")->to_string(), "[2001:db8::1]:443");
  for (const char* text : {"10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1",
                           "2001:db8::1:80", "[10.0.0.1]:80", "[::1]", "[::1]80", ":80"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Endpoint, SurvivesTheSocketForm) {
  for (const char* text : {"10.0.0.1:80", "[2001:db8::1]:443"}) {
    sockaddr_storage raw{};
    EXPECT_GT(Endpoint::parse(text)->to_sockaddr(raw), 0U);
    EXPECT_EQ(Endpoint::from_sockaddr(raw).to_string(), text);
  }
}

TEST(Prefix, KeepsHostBitsAndKnowsItsNetwork) {
  const Prefix vip = *Prefix::parse("10.0.0.100/24");
  EXPECT_EQ(vip.to_string(), "10.0.0.100/24");
  EXPECT_TRUE(vip.contains(*IpAddress::parse("10.0.0.7")));
  EXPECT_FALSE(vip.contains(*IpAddress::parse("10.0.1.7")));
  EXPECT_FALSE(vip.contains(*IpAddress::parse("::1")));
  EXPECT_EQ(Prefix::parse("10.0.0.100")->length, 32);
  for (const char* text : {"10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/2x", "::/129"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

}  // namespace
}  // namespace hapair
