#include "vrrpd/kernel/announcer.h"

#include <algorithm>
#include <utility>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "vrrpd/wire/ndisc.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kPerTurn = 64;  // VIPs, two frames each: well below a millisecond

}  // namespace

Announcer::Announcer(EventLoop& loop, Logger& log, std::string subsystem)
    : loop_(loop),
      log_(log),
      subsystem_(std::move(subsystem)),
      // Protocol 0: this socket hears nothing.
      fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      next_(loop, [this] { send_some(); }) {
  if (!fd_) throw_system("open a packet socket for announcements");
}

void Announcer::announce(int interface, const MacAddress& mac, std::vector<IpAddress> vips,
                         int times, Duration gap) {
  interface_ = interface;
  mac_ = mac;
  vips_ = std::move(vips);
  left_ = times;
  gap_ = gap;
  sent_ = 0;
  send_some();
}

void Announcer::repeat(int interface, const MacAddress& mac, std::vector<IpAddress> vips, int times,
                       Duration gap) {
  interface_ = interface;
  mac_ = mac;
  vips_ = std::move(vips);
  left_ = times - 1;
  gap_ = gap;
  sent_ = 0;
  if (left_ > 0) next_.arm(loop_.now() + gap_);
}

void Announcer::announce_once(int interface, const MacAddress& mac,
                              std::span<const IpAddress> vips) {
  if (const Status sent = send(interface, mac, vips); !sent) {
    log_.environment(subsystem_, "{}", sent.error().message);
  }
}

void Announcer::stop() {
  next_.disarm();
}

void Announcer::send_some() {
  const size_t count = std::min(kPerTurn, vips_.size() - sent_);
  announce_once(interface_, mac_, std::span<const IpAddress>(vips_).subspan(sent_, count));
  sent_ += count;
  if (sent_ < vips_.size()) return next_.arm(loop_.now());  // the heartbeat goes first
  sent_ = 0;
  if (--left_ > 0) next_.arm(loop_.now() + gap_);
}

Status Announcer::send(int interface, const MacAddress& mac,
                       std::span<const IpAddress> vips) const {
  for (const ArpOperation operation : {ArpOperation::request, ArpOperation::reply}) {
    for (const IpAddress& vip : vips) {
      if (vip.is_v6() && operation == ArpOperation::reply) continue;  // one form only
      const bool sent = vip.is_v6()
                            ? send(interface, ETH_P_IPV6, unsolicited_advertisement(mac, vip))
                            : send(interface, ETH_P_ARP, gratuitous_arp(operation, mac, vip));
      if (!sent) return fail_system("announce " + vip.to_string());
    }
  }
  return {};
}

bool Announcer::send(int interface, uint16_t protocol, std::span<const uint8_t> frame) const {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface;
  to.sll_protocol = htons(protocol);
  to.sll_halen = ETH_ALEN;
  std::copy_n(frame.begin(), ETH_ALEN, std::begin(to.sll_addr));
  const auto* address = reinterpret_cast<const sockaddr*>(&to);  // NOLINT: the socket API's cast
  return ::sendto(fd_.get(), frame.data(), frame.size(), 0, address, sizeof to) >= 0;
}

}  // namespace hapair::vrrp
