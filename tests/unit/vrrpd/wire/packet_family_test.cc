// What VRRPv3 over IPv6 and VRRPv2 do differently from VRRPv3 over IPv4 (packet_test.cc): golden
// bytes, and the refusals that only they know.
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "vrrpd/wire/checksum.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

std::vector<uint8_t> from_hex(std::string_view hex) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

// --- IPv6 ----------------------------------------------------------------------------------------

const Envelope kFromSix{.source = ip("fe80::5054:ff:fe00:fb"), .destination = ip("ff02::12")};
const Advertisement kSix{.vrid = 51,
                         .priority = 150,
                         .interval_cs = 10,
                         .addresses = {ip("fe80::100"), ip("2001:db8::100")}};
// The checksum was computed apart from this program, over RFC 8200's pseudo-header with next header
// 112.
constexpr std::string_view kSixBytes =
    "31339602000abc08"
    "fe800000000000000000000000000100"
    "20010db8000000000000000000000100";

TEST(PacketSix, encodes_the_golden_bytes_whatever_form_is_asked_for) {
  EXPECT_EQ(encode(kSix, ChecksumForm::pseudo_header, kFromSix), from_hex(kSixBytes));
  EXPECT_EQ(encode(kSix, ChecksumForm::rfc, kFromSix), from_hex(kSixBytes));
}

TEST(PacketSix, decodes_them) {
  const auto decoded = decode(from_hex(kSixBytes), kFromSix);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->advertisement, kSix);
}

TEST(PacketSix, the_largest_message_round_trips) {
  Advertisement large{.vrid = 1, .priority = 1, .interval_cs = 4095, .addresses = {}};
  for (uint8_t i = 0; i < 255; ++i) {
    std::array<uint8_t, 16> bytes{0xfe, 0x80};
    bytes[15] = i;
    large.addresses.push_back(IpAddress::from_bytes(bytes));
  }
  const auto bytes = encode(large, ChecksumForm::rfc, kFromSix);
  EXPECT_EQ(bytes.size(), 8U + 16U * 255U);
  EXPECT_EQ(decode(bytes, kFromSix).value().advertisement, large);
}

TEST(PacketSix, refuses_a_checksum_without_the_pseudo_header) {
  auto bytes = from_hex(kSixBytes);
  bytes[6] = bytes[7] = 0;
  store16(bytes, 6, static_cast<uint16_t>(~fold(add_words(0, bytes))));
  EXPECT_EQ(decode(bytes, kFromSix).error(), RefuseReason::checksum);
}

TEST(PacketSix, refuses_every_single_wrong_bit_of_the_checksum) {
  for (size_t bit = 0; bit < 16; ++bit) {
    auto bytes = from_hex(kSixBytes);
    bytes[6 + bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_EQ(decode(bytes, kFromSix).error(), RefuseReason::checksum) << bit;
  }
}

TEST(PacketSix, the_checksum_is_bound_to_its_addresses) {
  Envelope other = kFromSix;
  other.source = ip("fe80::1");
  EXPECT_EQ(decode(from_hex(kSixBytes), other).error(), RefuseReason::checksum);
}

TEST(PacketSix, refuses_every_cut_and_what_is_longer) {
  auto bytes = from_hex(kSixBytes);
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(decode(std::span(bytes).first(n), kFromSix).error(),
              n < 8 ? RefuseReason::truncated : RefuseReason::length)
        << n;
  }
  bytes.insert(bytes.end(), 16, 0);
  EXPECT_EQ(decode(bytes, kFromSix).error(), RefuseReason::length);
}

struct Case {
  const char* what;
  Envelope envelope;
  std::optional<IpAddress> peer;
  std::optional<RefuseReason> refused;
};

TEST(PacketSix, admission) {
  const IpAddress them = kFromSix.source;
  const IpAddress us = ip("fe80::1");
  const Case cases[] = {
      {"multicast", kFromSix, {}, {}},
      {"hop limit 254", {them, ip("ff02::12"), 254}, {}, RefuseReason::ttl},
      {"hop limit unknown", {them, ip("ff02::12"), 0}, {}, RefuseReason::ttl},
      {"our own", {us, ip("ff02::12"), 255}, {}, RefuseReason::own_source},
      {"all nodes", {them, ip("ff02::1"), 255}, {}, RefuseReason::destination},
      {"to us alone, without peer", {them, us, 255}, {}, RefuseReason::destination},
      {"to us alone, from the peer", {them, us, 255}, them, {}},
      {"multicast, from the peer", kFromSix, them, RefuseReason::destination},
      {"from another one", {ip("fe80::2"), us, 255}, them, RefuseReason::not_the_peer},
  };
  for (const Case& one : cases) {
    const auto bytes = encode(kSix, ChecksumForm::rfc, one.envelope);
    const auto got = receive({.envelope = one.envelope, .message = bytes},
                             {.vrid = 51, .own = us, .peer = one.peer});
    ASSERT_EQ(got.has_value(), !one.refused.has_value()) << one.what;
    if (one.refused) {
      EXPECT_EQ(got.error(), *one.refused) << one.what;
    } else {
      EXPECT_EQ(got->source, them) << one.what;
    }
  }
}

// --- Version 2 -----------------------------------------------------------------------------------

const Envelope kFromFour{.source = ip("192.0.2.251"), .destination = ip("224.0.0.18")};
const Advertisement kTwo{.version = 2,
                         .vrid = 10,
                         .priority = 200,
                         .interval_cs = 100,
                         .addresses = {ip("192.0.2.1"), ip("192.0.2.2")}};
// By hand: 210a + c802 + 0001 + c000 + 0201 + c000 + 0202 = 26d10, folded 6d12, complement 92ed.
constexpr std::string_view kTwoBytes = "210ac802000192edc0000201c00002020000000000000000";
const Admission kAdmitTwo{
    .vrid = 10, .own = ip("192.0.2.252"), .peer = {}, .version = 2, .interval_cs = 100};

/// The bytes of kTwo with one change and the checksum mended.
std::vector<uint8_t> changed(const std::function<void(std::vector<uint8_t>&)>& change) {
  auto bytes = from_hex(kTwoBytes);
  change(bytes);
  bytes[6] = bytes[7] = 0;
  store16(bytes, 6, static_cast<uint16_t>(~fold(add_words(0, bytes))));
  return bytes;
}

RefuseReason refusal(const std::vector<uint8_t>& bytes) {
  const auto got = receive({.envelope = kFromFour, .message = bytes}, kAdmitTwo);
  EXPECT_FALSE(got.has_value());
  return got ? RefuseReason{} : got.error();
}

TEST(PacketTwo, encodes_the_golden_bytes_whatever_form_is_asked_for) {
  EXPECT_EQ(encode(kTwo, ChecksumForm::rfc, kFromFour), from_hex(kTwoBytes));
  EXPECT_EQ(encode(kTwo, ChecksumForm::pseudo_header, kFromFour), from_hex(kTwoBytes));
}

TEST(PacketTwo, is_received) {
  const auto got = receive({.envelope = kFromFour, .message = from_hex(kTwoBytes)}, kAdmitTwo);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->decoded.advertisement, kTwo);
  EXPECT_TRUE(
      receive({.envelope = kFromFour, .message = changed([](auto&) {})}, kAdmitTwo).has_value());
}

TEST(PacketTwo, the_longest_interval_round_trips) {
  Advertisement slow = kTwo;
  slow.interval_cs = 25500;
  EXPECT_EQ(decode(encode(slow, ChecksumForm::rfc, kFromFour), kFromFour, 2).value().advertisement,
            slow);
}

TEST(PacketTwo, authentication_data_without_a_type_is_not_looked_at) {
  EXPECT_TRUE(
      receive({.envelope = kFromFour, .message = changed([](auto& m) { m.back() = 7; })}, kAdmitTwo)
          .has_value());
}

TEST(PacketTwo, refuses_any_type_of_authentication) {
  for (const uint8_t type : {1, 2, 255}) {
    EXPECT_EQ(refusal(changed([&](auto& m) { m[4] = type; })), RefuseReason::auth_type);
  }
}

TEST(PacketTwo, refuses_another_interval_than_its_own) {
  EXPECT_EQ(refusal(changed([](auto& m) { m[5] = 2; })), RefuseReason::other_interval);
}

TEST(PacketTwo, refuses_interval_zero_and_no_addresses) {
  EXPECT_EQ(refusal(changed([](auto& m) { m[5] = 0; })), RefuseReason::interval);
  EXPECT_EQ(refusal(changed([](auto& m) {
              m[3] = 0;
              m.resize(16);
            })),
            RefuseReason::no_addresses);
}

TEST(PacketTwo, refuses_a_message_without_its_authentication_data) {
  EXPECT_EQ(refusal(changed([](auto& m) { m.resize(16); })), RefuseReason::length);
}

TEST(PacketTwo, refuses_a_pseudo_header_in_the_checksum) {
  auto bytes = from_hex(kTwoBytes);
  bytes[6] = bytes[7] = 0;
  const uint32_t sum = add_pseudo_header(add_words(0, bytes), kFromFour.source,
                                         kFromFour.destination, kIpProtocol, bytes.size());
  store16(bytes, 6, static_cast<uint16_t>(~fold(sum)));
  EXPECT_EQ(refusal(bytes), RefuseReason::checksum);
}

TEST(PacketTwo, each_version_refuses_the_other) {
  Advertisement three = kTwo;
  three.version = 3;
  EXPECT_EQ(refusal(encode(three, ChecksumForm::rfc, kFromFour)), RefuseReason::version);
  Admission admit_three = kAdmitTwo;
  admit_three.version = 3;
  // With authentication too: what the operator has to hear is "version".
  for (const auto& bytes : {from_hex(kTwoBytes), changed([](auto& m) { m[4] = 1; })}) {
    EXPECT_EQ(receive({.envelope = kFromFour, .message = bytes}, admit_three).error(),
              RefuseReason::version);
  }
}

}  // namespace
}  // namespace hapair::vrrp
