// Gratuitous ARP, byte for byte.
#include "vrrpd/wire/arp.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

std::string hex(const ArpFrame& frame) {
  std::string out;
  for (const uint8_t byte : frame) out += fmt::format("{:02x}", byte);
  return out;
}

constexpr MacAddress kMac{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33};
const IpAddress kVip = IpAddress::parse("192.0.2.100").value();

TEST(GratuitousArp, request_form) {
  EXPECT_EQ(hex(gratuitous_arp(ArpOperation::request, kMac, kVip)),
            "ffffffffffff00005e00013308060001080006040001"
            "00005e000133c0000264ffffffffffffc0000264");
}

TEST(GratuitousArp, reply_form_differs_in_the_operation_only) {
  EXPECT_EQ(hex(gratuitous_arp(ArpOperation::reply, kMac, kVip)),
            "ffffffffffff00005e00013308060001080006040002"
            "00005e000133c0000264ffffffffffffc0000264");
}

}  // namespace
}  // namespace hapair::vrrp
