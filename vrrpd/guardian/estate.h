// What a speaker leaves behind: its VIPs. Their lease is renewed while it lives; when nobody takes
// over they are taken away, and its resigns are sent.
//
// Reads the speaker's snapshot from the shared memory; used by `guardian` on its only thread, which
// may wait for the kernel's answer: no heartbeat depends on it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "vrrpd/guardian/shared_state.h"
#include "vrrpd/guardian/testament.pb.h"
#include "vrrpd/kernel/adv_socket.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/kernel/netlink_route.h"

namespace hapair::vrrp {

using Addresses = std::map<int, std::vector<Prefix>>;  // by interface, as netlink wants them

class Estate {
 public:
  explicit Estate(SharedState& shared);  // throws when the environment refuses a socket

  /// The lease of the VIPs of every router that is Active and has spoken lately. Returns what went
  /// wrong.
  std::vector<std::string> renew(TimePoint now);

  struct Burial {
    size_t addresses = 0;
    size_t resigns = 0;
    std::vector<std::string> failures;
  };
  /// Takes away every VIP, then resigns (from then on, the peer may answer for them), then forgets:
  /// the next speaker begins with nothing. Once more, it takes away the same VIPs again.
  Burial bury();

 private:
  const testament::Testament& read();
  Addresses held(TimePoint now);
  void remove(Burial& burial);
  void resign(Burial& burial);
  Status send(const testament::Frame& frame) const;
  static Status send_udp(const Endpoint& source, const Endpoint& destination,
                         std::span<const uint8_t> payload);

  SharedState& shared_;
  NetlinkAddress kernel_;
  NetlinkRoute routes_;
  AdvSocket socket_v4_;
  std::optional<AdvSocket> socket_v6_;  // none where the kernel has no IPv6
  uint64_t known_ = 0;                  // number of the snapshot that was read last
  testament::Testament testament_;
};

}  // namespace hapair::vrrp
