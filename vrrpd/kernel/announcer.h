// Tells switches and neighbours where a VIP lives now: gratuitous ARP in both forms, or an
// unsolicited Neighbour Advertisement, repeated a few times, since one lost frame would cost a
// neighbour its whole cache lifetime.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/wire/arp.h"

namespace hapair::vrrp {

class Announcer {
 public:
  Announcer(EventLoop& loop, Logger& log, std::string subsystem);

  /// Announces now and `times` - 1 times more, `gap` apart, some VIPs at each turn of the loop.
  /// Replaces an announcement that is still under way.
  void announce(int interface, const MacAddress& mac, std::vector<IpAddress> vips, int times,
                Duration gap);
  /// The same when all of them were announced once just now.
  void repeat(int interface, const MacAddress& mac, std::vector<IpAddress> vips, int times,
              Duration gap);
  /// Announces these once, now, whatever is under way.
  void announce_once(int interface, const MacAddress& mac, std::span<const IpAddress> vips);
  void stop();

 private:
  void send_some();
  [[nodiscard]] Status send(int interface, const MacAddress& mac,
                            std::span<const IpAddress> vips) const;
  [[nodiscard]] bool send(int interface, uint16_t protocol, std::span<const uint8_t> frame) const;

  EventLoop& loop_;
  Logger& log_;
  std::string subsystem_;
  UniqueFd fd_;
  int interface_ = 0;
  MacAddress mac_{};
  std::vector<IpAddress> vips_;
  size_t sent_ = 0;  // of this round
  int left_ = 0;     // rounds
  Duration gap_{0};
  Deadline next_;
};

}  // namespace hapair::vrrp
