#include "vrrpd/holding/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::HasSubstr;

std::string mistake(std::string_view text) {
  const auto route = parse_route(text);
  return route ? "valid" : route.error().message;
}

TEST(Route, is_read_as_ip_route_writes_it_and_says_the_same_again) {
  for (const char* text : {"0.0.0.0/0 via 192.0.2.1", "10.1.0.0/16 dev eth1",
                           "10.1.0.0/16 via 192.0.2.1 dev eth1 src 10.0.0.100 metric 50 table 100",
                           "2001:db8:1::/48 via fe80::1 dev eth0"}) {
    const auto route = parse_route(text);
    ASSERT_TRUE(route.has_value()) << route.error().message;
    EXPECT_EQ(route->to_string(), text);
  }
  EXPECT_EQ(parse_route("default via 192.0.2.1")->to_string(), "0.0.0.0/0 via 192.0.2.1");
  EXPECT_EQ(parse_route("default6 via 2001:db8::1")->to_string(), "::/0 via 2001:db8::1");
}

TEST(Route, that_is_none_says_what_would_be_valid) {
  EXPECT_THAT(mistake("10.1.0.1/16 dev eth1"), HasSubstr("valid: 10.1.0.0/16"));
  EXPECT_THAT(mistake("10.1.0.0/16"), HasSubstr("leads nowhere; valid: NETWORK/LEN [via"));
  EXPECT_THAT(mistake("10.1.0.0/16 via"), HasSubstr("'via' has no value"));
  EXPECT_THAT(mistake("10.1.0.0/16 through 10.0.0.1"), HasSubstr("'through' is not known"));
  EXPECT_THAT(mistake("10.1.0.0/16 via fe80::1"), HasSubstr("of another family"));
  EXPECT_THAT(mistake("10.1.0.0/16 dev a dev b"), HasSubstr("'dev' is said twice"));
  EXPECT_THAT(mistake("10.1.0.0/16 dev averylongnamefor1"), HasSubstr("at most 15 letters"));
  for (const char* number : {"0", "-1", "x", "4294967296"}) {
    EXPECT_THAT(mistake("10.1.0.0/16 dev eth0 metric " + std::string(number)),
                HasSubstr("valid: 1 to 4294967295"));
  }
}

}  // namespace
}  // namespace hapair::vrrp
