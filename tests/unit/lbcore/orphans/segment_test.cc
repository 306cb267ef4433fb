// Ends in / bytes. The checksums were computed by another program (Python's, by the RFC).
#include "lbcore/orphans/segment.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans::test {
namespace {

std::string hex(const std::vector<uint8_t>& bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += ' ';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

TEST(Challenge, IsASegmentWithSynAndAckOfIpv4) {
  EXPECT_EQ(hex(challenge(ends("10.0.0.100:80", "10.1.2.3:50000"), 0x01020304, 0xa1b2c3d4)),
            "45000028 00004000 40060000 0a000064 0a010203 "
            "0050c350 01020304 a1b2c3d4 50120000 6c3d0000");
}

TEST(Challenge, IsASegmentWithSynAndAckOfIpv6) {
  EXPECT_EQ(hex(challenge(ends("[2001:db8::100]:443", "[2001:db8::1]:50000"), 1, 2)),
            "60000000 00140640 20010db8 00000000 00000000 00000100 "
            "20010db8 00000000 00000000 00000001 "
            "01bbc350 00000001 00000002 50120000 8e510000");
}

}  // namespace
}  // namespace hapair::lbcore::orphans::test
