// The advertisement codec against golden bytes; every refusal by a message that differs from a good
// one in one place.
#include "vrrpd/wire/packet.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>

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

const Envelope kEnvelope{.source = ip("192.0.2.251"), .destination = ip("224.0.0.18"), .ttl = 255};
const Advertisement kAdvertisement{.vrid = 10,
                                   .priority = 200,
                                   .interval_cs = 100,
                                   .addresses = {ip("192.0.2.1"), ip("192.0.2.2")}};
constexpr std::string_view kPseudoHeaderBytes = "310ac8020064defbc0000201c0000202";
// By hand: 310a + c802 + 0064 + c000 + 0201 + c000 + 0202 = 27d73, folded 7d75, complement 828a.
constexpr std::string_view kRfcBytes = "310ac8020064828ac0000201c0000202";

/// The bytes as a raw socket delivers them: an IPv4 header without options before the message.
std::vector<uint8_t> datagram(const Envelope& envelope, const std::vector<uint8_t>& message) {
  std::vector<uint8_t> out(20);
  out[0] = 0x45;
  out[3] = static_cast<uint8_t>(20 + message.size());
  out[8] = envelope.ttl;
  out[9] = kIpProtocol;
  std::copy_n(envelope.source.bytes().begin(), 4, out.begin() + 12);
  std::copy_n(envelope.destination.bytes().begin(), 4, out.begin() + 16);
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

TEST(Packet, encodes_the_golden_bytes_in_both_checksum_forms) {
  EXPECT_EQ(encode(kAdvertisement, ChecksumForm::pseudo_header, kEnvelope),
            from_hex(kPseudoHeaderBytes));
  EXPECT_EQ(encode(kAdvertisement, ChecksumForm::rfc, kEnvelope), from_hex(kRfcBytes));
}

TEST(Packet, decodes_both_checksum_forms_and_says_which) {
  const auto pseudo = decode(from_hex(kPseudoHeaderBytes), kEnvelope);
  ASSERT_TRUE(pseudo.has_value());
  EXPECT_EQ(pseudo->advertisement, kAdvertisement);
  EXPECT_EQ(pseudo->form, ChecksumForm::pseudo_header);

  const auto rfc = decode(from_hex(kRfcBytes), kEnvelope);
  ASSERT_TRUE(rfc.has_value());
  EXPECT_EQ(rfc->advertisement, kAdvertisement);
  EXPECT_EQ(rfc->form, ChecksumForm::rfc);
}

TEST(Packet, a_resign_round_trips) {
  Advertisement resign = kAdvertisement;
  resign.priority = kResignPriority;
  for (const auto form : {ChecksumForm::rfc, ChecksumForm::pseudo_header}) {
    const auto back = decode(encode(resign, form, kEnvelope), kEnvelope);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->advertisement.priority, 0);
  }
}

TEST(Packet, the_largest_message_round_trips) {
  Advertisement large{.vrid = 255, .priority = 255, .interval_cs = 4095, .addresses = {}};
  for (uint32_t i = 0; i < 255; ++i) large.addresses.push_back(IpAddress::v4(0x0a000000 + i));
  const auto bytes = encode(large, ChecksumForm::rfc, kEnvelope);
  EXPECT_EQ(bytes.size(), 8U + 4U * 255U);
  EXPECT_EQ(decode(bytes, kEnvelope).value().advertisement, large);
}

// --- Refusals: the change, the reason ------------------------------------------------------------

/// Changes the message, then makes its checksum right again so that only the change can be the
/// reason.
std::vector<uint8_t> changed(const std::function<void(std::vector<uint8_t>&)>& change) {
  auto bytes = encode(kAdvertisement, ChecksumForm::rfc, kEnvelope);
  change(bytes);
  if (bytes.size() < 8) return bytes;
  bytes[6] = bytes[7] = 0;
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<uint32_t>(bytes[i]) << 8 : bytes[i];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes[6] = static_cast<uint8_t>(~sum >> 8);
  bytes[7] = static_cast<uint8_t>(~sum);
  return bytes;
}

RefuseReason refusal(const std::vector<uint8_t>& message) {
  const auto decoded = decode(message, kEnvelope);
  EXPECT_FALSE(decoded.has_value());
  return decoded.has_value() ? RefuseReason{} : decoded.error();
}

TEST(Packet, the_helper_that_mends_the_checksum_changes_nothing_else) {
  EXPECT_TRUE(decode(changed([](auto&) {}), kEnvelope).has_value());
}

TEST(Packet, reserved_bits_are_zero_on_sending_and_ignored_on_receipt) {
  EXPECT_EQ(encode(kAdvertisement, ChecksumForm::rfc, kEnvelope)[4] >> 4, 0);
  const auto decoded = decode(changed([](auto& m) { m[4] |= 0xf0; }), kEnvelope);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->advertisement.interval_cs, 100);
}

TEST(Packet, refuses_nothing_at_all_as_truncated) {
  EXPECT_EQ(refusal({}), RefuseReason::truncated);
}

TEST(Packet, refuses_every_cut_of_a_message) {
  const auto whole = from_hex(kRfcBytes);
  for (size_t n = 1; n < whole.size(); ++n) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(refusal(cut), n < 8 ? RefuseReason::truncated : RefuseReason::length) << n;
  }
}

TEST(Packet, refuses_bytes_behind_the_last_address) {
  EXPECT_EQ(refusal(changed([](auto& m) { m.insert(m.end(), 4, 0); })), RefuseReason::length);
}

TEST(Packet, refuses_version_2) {
  EXPECT_EQ(refusal(changed([](auto& m) { m[0] = 0x21; })), RefuseReason::version);
}

TEST(Packet, refuses_a_type_other_than_advertisement) {
  EXPECT_EQ(refusal(changed([](auto& m) { m[0] = 0x32; })), RefuseReason::type);
}

TEST(Packet, refuses_every_single_wrong_bit_of_the_checksum) {
  for (size_t bit = 0; bit < 16; ++bit) {
    auto bytes = from_hex(kRfcBytes);
    bytes[6 + bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_EQ(refusal(bytes), RefuseReason::checksum) << bit;
  }
}

TEST(Packet, the_pseudo_header_form_is_bound_to_its_addresses) {
  Envelope other = kEnvelope;
  other.source = ip("192.0.2.250");
  EXPECT_EQ(decode(from_hex(kPseudoHeaderBytes), other).error(), RefuseReason::checksum);
}

TEST(Packet, refuses_a_message_without_addresses) {
  EXPECT_EQ(refusal(changed([](auto& m) {
              m[3] = 0;
              m.resize(8);
            })),
            RefuseReason::no_addresses);
}

TEST(Packet, refuses_interval_zero) {
  EXPECT_EQ(refusal(changed([](auto& m) { m[4] = m[5] = 0; })), RefuseReason::interval);
}

// --- A whole datagram ----------------------------------------------------------------------------

const Admission kAdmission{.vrid = 10, .own = ip("192.0.2.252"), .peer = {}, .least_ttl = 255};

/// As `adv_socket` does it with what an IPv4 raw socket delivers.
tl::expected<Received, RefuseReason> receive_v4(std::span<const uint8_t> bytes,
                                                const Admission& admission) {
  const auto parts = split(bytes);
  if (!parts) return tl::unexpected(parts.error());
  return receive(*parts, admission);
}

RefuseReason refusal(const Envelope& envelope, const Admission& admission) {
  const auto got = receive_v4(
      datagram(envelope, encode(kAdvertisement, ChecksumForm::pseudo_header, envelope)), admission);
  EXPECT_FALSE(got.has_value());
  return got.has_value() ? RefuseReason{} : got.error();
}

TEST(Datagram, a_good_one_passes) {
  const auto got = receive_v4(datagram(kEnvelope, from_hex(kPseudoHeaderBytes)), kAdmission);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->source, ip("192.0.2.251"));
  EXPECT_EQ(got->decoded.advertisement, kAdvertisement);
}

TEST(Datagram, options_in_the_header_are_skipped) {
  auto bytes = datagram(kEnvelope, from_hex(kPseudoHeaderBytes));
  bytes[0] = 0x46;
  bytes[3] = static_cast<uint8_t>(bytes.size() + 4);
  bytes.insert(bytes.begin() + 20, {0x94, 0x04, 0x00, 0x00});  // router alert
  EXPECT_TRUE(receive_v4(bytes, kAdmission).has_value());
}

TEST(Datagram, refuses_what_its_own_header_does_not_cover) {
  const auto good = datagram(kEnvelope, from_hex(kPseudoHeaderBytes));
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(receive_v4(std::span(good).first(n), kAdmission).error(), RefuseReason::truncated)
        << n;
  }
  auto short_header = good;
  short_header[0] = 0x44;
  EXPECT_EQ(receive_v4(short_header, kAdmission).error(), RefuseReason::truncated);
  auto short_total = good;
  short_total[3] = 19;
  EXPECT_EQ(receive_v4(short_total, kAdmission).error(), RefuseReason::truncated);
}

TEST(Datagram, refuses_a_ttl_below_255) {
  Envelope routed = kEnvelope;
  routed.ttl = 254;
  EXPECT_EQ(refusal(routed, kAdmission), RefuseReason::ttl);
}

TEST(Datagram, a_routed_peer_is_admitted_down_to_least_ttl) {
  const Admission routed{
      .vrid = 10, .own = ip("10.0.0.1"), .peer = ip("192.0.2.251"), .least_ttl = 250};
  Envelope envelope{.source = ip("192.0.2.251"), .destination = ip("10.0.0.1"), .ttl = 250};
  const auto bytes = encode(kAdvertisement, ChecksumForm::pseudo_header, envelope);
  EXPECT_TRUE(receive_v4(datagram(envelope, bytes), routed).has_value());
  envelope.ttl = 249;
  EXPECT_EQ(refusal(envelope, routed), RefuseReason::ttl);
}

TEST(Datagram, refuses_our_own_address_as_sender) {
  Admission own = kAdmission;
  own.own = kEnvelope.source;
  EXPECT_EQ(refusal(kEnvelope, own), RefuseReason::own_source);
}

TEST(Datagram, refuses_another_virtual_router) {
  Admission other = kAdmission;
  other.vrid = 11;
  EXPECT_EQ(refusal(kEnvelope, other), RefuseReason::vrid);
}

TEST(Datagram, multicast_refuses_a_message_sent_to_us_alone) {
  Envelope unicast = kEnvelope;
  unicast.destination = ip("192.0.2.252");
  EXPECT_EQ(refusal(unicast, kAdmission), RefuseReason::destination);
}

TEST(Datagram, unicast_takes_the_peer_only_and_nothing_multicast) {
  Admission unicast = kAdmission;
  unicast.peer = ip("192.0.2.251");
  EXPECT_EQ(refusal(kEnvelope, unicast), RefuseReason::destination);
  Envelope direct = kEnvelope;
  direct.destination = ip("192.0.2.252");
  direct.source = ip("192.0.2.66");
  EXPECT_EQ(refusal(direct, unicast), RefuseReason::not_the_peer);
}

TEST(RefuseReason, every_reason_has_a_name_of_its_own) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < kRefuseReasons; ++i) names.push_back(name(static_cast<RefuseReason>(i)));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_FALSE(std::binary_search(names.begin(), names.end(), "unknown"));
}

}  // namespace
}  // namespace hapair::vrrp
