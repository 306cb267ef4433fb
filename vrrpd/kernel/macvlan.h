// The interface that carries a router's virtual MAC address (RFC 9568 section 7.3): a macvlan in
// private mode on the router's own interface, named and marked (its alias) as ours.
//
// It is up only while the router is Active: a Backup's macvlan that is down answers neither ARP nor
// ND and takes no traffic, whatever a switch floods. Its parent is told over rtnetlink to answer
// ARP for its own addresses only, and to ask with them only, or neighbours would learn the
// interface's own MAC address for a VIP. Used by `instance`, by `speaker` at start for leftovers,
// by --release-addresses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "vrrpd/kernel/netlink_socket.h"
#include "vrrpd/wire/arp.h"

namespace hapair::vrrp {

class Macvlan {
 public:
  struct Wish {
    std::string name;
    int parent = 0;  // index
    MacAddress mac{};
  };
  /// Makes it, down. One that fits is taken over as it is; another one of ours makes room; somebody
  /// else's is an error. Returns its index.
  Result<int> make(const Wish& wish);
  Status set_up(int index, bool up);
  /// An absent one is a removed one.
  Status remove(int index);

  struct Found {
    int index = 0;
    std::string name;
    bool marked = false;
    int parent = 0;
    MacAddress mac{};
  };
  Result<std::vector<Found>> dump();

 private:
  Status ask(std::string request, const std::string& attempt);

  NetlinkSocket socket_;
};

}  // namespace hapair::vrrp
