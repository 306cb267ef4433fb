#include "vrrpd/kernel/announcer.h"

#include <algorithm>
#include <utility>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace hapair::vrrp {

Announcer::Announcer(EventLoop& loop, Logger& log, std::string subsystem)
    : loop_(loop),
      log_(log),
      subsystem_(std::move(subsystem)),
      // Protocol 0: this socket hears nothing.
      fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      next_(loop, [this] { send_once(); }) {
  if (!fd_) throw_system("open a packet socket for announcements");
}

void Announcer::announce(int interface, const MacAddress& mac, std::vector<IpAddress> vips,
                         int times, Duration gap) {
  interface_ = interface;
  mac_ = mac;
  vips_ = std::move(vips);
  left_ = times;
  gap_ = gap;
  send_once();
}

void Announcer::stop() {
  next_.disarm();
}

void Announcer::send_once() {
  if (const Status sent = send_all(); !sent) {
    log_.environment(subsystem_, "{}", sent.error().message);
  }
  if (--left_ > 0) next_.arm(loop_.now() + gap_);
}

Status Announcer::send_all() const {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface_;
  to.sll_protocol = htons(ETH_P_ARP);
  to.sll_halen = ETH_ALEN;
  std::fill_n(std::begin(to.sll_addr), ETH_ALEN, uint8_t{0xff});
  const auto* address = reinterpret_cast<const sockaddr*>(&to);  // NOLINT: the socket API's cast
  for (const ArpOperation operation : {ArpOperation::request, ArpOperation::reply}) {
    for (const IpAddress& vip : vips_) {
      const ArpFrame frame = gratuitous_arp(operation, mac_, vip);
      if (::sendto(fd_.get(), frame.data(), frame.size(), 0, address, sizeof to) < 0) {
        return fail_system("announce " + vip.to_string());
      }
    }
  }
  return {};
}

}  // namespace hapair::vrrp
