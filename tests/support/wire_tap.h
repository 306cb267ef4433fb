// What passes by on a wire, with the kernel's time stamps: advertisements and announcements (ARP
// and unsolicited neighbour advertisements). The time is the kernel's, so a busy machine that
// delays the reader does not spoil a measurement of gaps.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

class WireTap {
 public:
  /// Listens at `interface` of `in` until destroyed.
  WireTap(const Namespace& in, const std::string& interface);

  struct Advertisement {
    TimePoint at;
    std::string mac;  // Ethernet source, "02:..."
    IpAddress source;
    uint8_t vrid = 0;
    uint8_t priority = 0;
  };
  struct Announcement {
    TimePoint at;
    std::string mac;  // Ethernet source
    IpAddress vip;
    std::string says;  // the hardware address that it carries
  };

  [[nodiscard]] std::vector<Advertisement> advertisements(TimePoint since) const;
  [[nodiscard]] std::vector<Announcement> announcements(TimePoint since) const;
  /// When `vip` was first announced since then; TimePoint::max() when it was not.
  [[nodiscard]] TimePoint first_announcement(const IpAddress& vip, TimePoint since) const;
  /// The times between consecutive advertisements of `vrid` from `source`, oldest first.
  [[nodiscard]] std::vector<Duration> gaps(const IpAddress& source, uint8_t vrid,
                                           TimePoint since) const;
  [[nodiscard]] Duration worst_gap(const IpAddress& source, uint8_t vrid, TimePoint since) const;

 private:
  void listen(const std::stop_token& stop);
  void take(const uint8_t* frame, size_t length, TimePoint at);

  mutable std::mutex mutex_;
  std::vector<Advertisement> advertisements_;
  std::vector<Announcement> announcements_;
  UniqueFd socket_;
  std::jthread thread_;
};

}  // namespace hapair::test
