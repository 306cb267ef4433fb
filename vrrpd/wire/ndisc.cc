#include "vrrpd/wire/ndisc.h"

#include <algorithm>
#include <span>

#include "vrrpd/wire/checksum.h"

namespace hapair::vrrp {

namespace {

constexpr MacAddress kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
constexpr std::array<uint8_t, 16> kAllNodes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kHopLimit = 255;  // RFC 4861 section 7.1.2: else it is not taken
constexpr size_t kMessageAt = 14 + 40;
constexpr size_t kChecksumAt = kMessageAt + 2;
constexpr uint8_t kMessageBytes = 24 + 8;

}  // namespace

NeighbourFrame unsolicited_advertisement(const MacAddress& mac, const IpAddress& vip) {
  // EtherType IPv6; version 6, traffic class and flow label 0; payload length; next header, hop
  // limit.
  constexpr std::array<uint8_t, 10> kBeforeAddresses{0x86, 0xdd, 0x60,          0,       0,
                                                     0,    0,    kMessageBytes, kIcmpv6, kHopLimit};
  // Type 136, code 0, checksum (later), R and O, reserved.
  constexpr std::array<uint8_t, 8> kMessageHead{136, 0, 0, 0, 0xa0, 0, 0, 0};
  // Target Link-Layer Address, of 8 bytes.
  constexpr std::array<uint8_t, 2> kOptionHead{2, 1};

  NeighbourFrame frame{};
  auto* out = frame.begin();
  const auto put = [&out](auto&& bytes) { out = std::copy(bytes.begin(), bytes.end(), out); };
  put(kAllNodesMac);
  put(mac);
  put(kBeforeAddresses);
  put(vip.bytes());
  put(kAllNodes);
  put(kMessageHead);
  put(vip.bytes());
  put(kOptionHead);
  put(mac);

  const std::span<const uint8_t> message = std::span(frame).subspan(kMessageAt);
  const uint32_t sum = add_pseudo_header(add_words(0, message), vip,
                                         IpAddress::from_bytes(kAllNodes), kIcmpv6, message.size());
  store16(frame, kChecksumAt, static_cast<uint16_t>(~fold(sum)));
  return frame;
}

}  // namespace hapair::vrrp
