// Unsolicited Neighbour Advertisements, byte for byte.
#include "vrrpd/wire/ndisc.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "vrrpd/wire/checksum.h"

namespace hapair::vrrp {
namespace {

constexpr MacAddress kMac{0x00, 0x00, 0x5e, 0x00, 0x02, 0x33};

// tcpdump says of these bytes: hlim 255, icmp6 sum ok, tgt is 2001:db8::100, Flags [router,
// override], destination link-address option 00:00:5e:00:02:33.
TEST(UnsolicitedAdvertisement, golden_bytes) {
  std::string hex;
  for (const uint8_t byte :
       unsolicited_advertisement(kMac, IpAddress::parse("2001:db8::100").value())) {
    hex += fmt::format("{:02x}", byte);
  }
  EXPECT_EQ(hex,
            "33330000000100005e00023386dd"
            "6000000000203aff"
            "20010db8000000000000000000000100"
            "ff020000000000000000000000000001"
            "880018faa0000000"
            "20010db8000000000000000000000100"
            "020100005e000233");
}

TEST(UnsolicitedAdvertisement, the_checksum_covers_address_and_mac) {
  for (const char* vip : {"fe80::100", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::"}) {
    const IpAddress ip = IpAddress::parse(vip).value();
    const NeighbourFrame frame = unsolicited_advertisement({2, 0xff, 0xff, 0xff, 0xff, 0xff}, ip);
    const auto message = std::span<const uint8_t>(frame).subspan(54);
    EXPECT_EQ(fold(add_pseudo_header(add_words(0, message), ip, IpAddress::parse("ff02::1").value(),
                                     58, message.size())),
              0xffff)
        << vip;
  }
}

}  // namespace
}  // namespace hapair::vrrp
