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

struct Message {
  std::array<uint8_t, 8> head;  // type, code, checksum (later), flags
  IpAddress target;
  uint8_t option = 0;  // Source or Target Link-Layer Address
};

NeighbourFrame frame_of(const MacAddress& mac, const IpAddress& source, const MacAddress& to_mac,
                        const IpAddress& to, const Message& message) {
  // EtherType IPv6; version 6, traffic class and flow label 0; payload length; next header, hop
  // limit.
  constexpr std::array<uint8_t, 10> kBeforeAddresses{0x86, 0xdd, 0x60,          0,       0,
                                                     0,    0,    kMessageBytes, kIcmpv6, kHopLimit};
  NeighbourFrame frame{};
  auto* out = frame.begin();
  const auto put = [&out](auto&& bytes) { out = std::copy(bytes.begin(), bytes.end(), out); };
  put(to_mac);
  put(mac);
  put(kBeforeAddresses);
  put(source.bytes());
  put(to.bytes());
  put(message.head);
  put(message.target.bytes());
  put(std::array<uint8_t, 2>{message.option, 1});  // of 8 bytes
  put(mac);

  const std::span<const uint8_t> bytes = std::span(frame).subspan(kMessageAt);
  const uint32_t sum = add_pseudo_header(add_words(0, bytes), source, to, kIcmpv6, bytes.size());
  store16(frame, kChecksumAt, static_cast<uint16_t>(~fold(sum)));
  return frame;
}

}  // namespace

NeighbourFrame unsolicited_advertisement(const MacAddress& mac, const IpAddress& vip) {
  // R and O.
  return frame_of(mac, vip, kAllNodesMac, IpAddress::from_bytes(kAllNodes),
                  {.head = {136, 0, 0, 0, 0xa0, 0, 0, 0}, .target = vip, .option = 2});
}

NeighbourFrame solicitation(const MacAddress& mac, const IpAddress& sender,
                            const IpAddress& target) {
  const auto last = target.bytes().last<3>();
  const std::array<uint8_t, 16> group{0xff, 2, 0, 0, 0,    0,       0,       0,
                                      0,    0, 0, 1, 0xff, last[0], last[1], last[2]};
  return frame_of(mac, sender, {0x33, 0x33, 0xff, last[0], last[1], last[2]},
                  IpAddress::from_bytes(group),
                  {.head = {135, 0, 0, 0, 0, 0, 0, 0}, .target = target, .option = 1});
}

}  // namespace hapair::vrrp
