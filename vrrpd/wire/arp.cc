#include "vrrpd/wire/arp.h"

#include <algorithm>
#include <span>

namespace hapair::vrrp {

namespace {

constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

ArpFrame to_everybody(ArpOperation operation, const MacAddress& mac, const IpAddress& sender,
                      const MacAddress& target_mac, const IpAddress& target) {
  // EtherType ARP; hardware type Ethernet, protocol IPv4, address lengths 6 and 4, high byte of the
  // operation.
  constexpr std::array<uint8_t, 9> kFixed{0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4, 0};

  ArpFrame frame{};
  auto* out = frame.begin();
  const auto put = [&out](auto&& bytes) { out = std::copy(bytes.begin(), bytes.end(), out); };
  put(kBroadcast);
  put(mac);
  put(kFixed);
  *out++ = static_cast<uint8_t>(operation);
  put(mac);
  put(sender.bytes());
  put(target_mac);
  put(target.bytes());
  return frame;
}

}  // namespace

ArpFrame gratuitous_arp(ArpOperation operation, const MacAddress& mac, const IpAddress& vip) {
  // The target's hardware address is ignored in requests and every station's in replies.
  return to_everybody(operation, mac, vip, kBroadcast, vip);
}

ArpFrame arp_request(const MacAddress& mac, const IpAddress& sender, const IpAddress& target) {
  return to_everybody(ArpOperation::request, mac, sender, MacAddress{}, target);
}

}  // namespace hapair::vrrp
