#include "vrrpd/wire/arp.h"

#include <algorithm>
#include <span>

namespace hapair::vrrp {

ArpFrame gratuitous_arp(ArpOperation operation, const MacAddress& mac, const IpAddress& vip) {
  constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
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
  put(mac);  // sender
  put(vip.bytes());
  put(kBroadcast);   // target hardware address: ignored in requests, every station's in replies
  put(vip.bytes());  // target
  return frame;
}

}  // namespace hapair::vrrp
