// VIPs in the kernel: added and removed in one send for some dozens each, marked as ours
// (IFA_PROTO), with a lease (valid_lft) that the kernel ends on its own when nobody renews it.
//
// An IPv6 VIP is usable at once (IFA_F_NODAD: the election has decided that it has one holder) and
// deprecated from the beginning, so that nothing that has another address chooses it as a source.
//
// A batch is not a transaction: each message is applied and acknowledged for itself. add()
// therefore reports the first failure and the caller removes the whole batch again; remove() takes
// an absent address for removed. Used by `instance` (speaker), by `guardian` for what a dead
// speaker left behind, and at start for an earlier life.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/unique_fd.h"

struct nlmsghdr;

namespace hapair::vrrp {

/// IFA_PROTO of every VIP that vrrpd adds. Values up to 3 are the kernel's; `ip` can neither set
/// nor show it.
inline constexpr uint8_t kAddressMark = 0xf7;

inline constexpr Duration kAddressLease = 2s;

struct InstalledAddress {
  int interface = 0;
  Prefix prefix;
  bool marked = false;     // a VIP of ours
  bool secondary = false;  // as the kernel sees it; IPv6: temporary
  bool tentative = false;  // IPv6: the kernel still looks for duplicates
  bool duplicate = false;  // IPv6: and has found one
};

/// The address that an RTM_NEWADDR or RTM_DELADDR message is about.
std::optional<InstalledAddress> read_address(nlmsghdr* message);

class NetlinkAddress {
 public:
  NetlinkAddress();  // throws std::system_error when the kernel refuses the socket

  /// Adds or renews. Prefix lengths as given.
  Status add(int interface, std::span<const Prefix> addresses);
  Status remove(int interface, std::span<const Prefix> addresses);
  /// Every address of this network namespace.
  Result<std::vector<InstalledAddress>> dump();

 private:
  class Batch;
  Status add_some(int interface, std::span<const Prefix> addresses);
  Status remove_some(int interface, std::span<const Prefix> addresses);
  Status transact(const Batch& batch, std::string_view verb, int interface,
                  std::span<const Prefix> addresses, int harmless_error);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

/// The prefix with which a VIP goes onto an interface. IPv4: always /32, so that it never is the
/// primary address of somebody's secondaries, which would go with it; the route to a network that
/// none of the interface's own covers is a route of ours. IPv6, which knows no secondaries: /128
/// when an own network covers it, else as configured, which brings the route.
Prefix installed_form(const Prefix& vip, std::span<const Prefix> own_addresses);

}  // namespace hapair::vrrp
