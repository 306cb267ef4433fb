// The node's interfaces and their addresses, kept current by the kernel's notifications
// (rtnetlink).
//
// First sync and recovery are one path: a dump is requested on the monitoring socket itself and its
// answers are read like notifications, so nothing blocks; what the dump did not mention is gone.
// ENOBUFS (we read too slowly) starts it again. Until the first dump is complete, `synced()` is
// false and callers wait.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <ev++.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "vrrpd/wire/arp.h"

struct nlmsghdr;

namespace hapair::vrrp {

struct OwnAddress {
  Prefix prefix;
  bool marked = false;     // a VIP, ours
  bool secondary = false;  // as the kernel sees it; IPv6: temporary
  bool tentative = false;  // IPv6: the kernel still looks for duplicates
  bool duplicate = false;  // IPv6: and has found one
  friend bool operator==(const OwnAddress&, const OwnAddress&) = default;
};

struct Interface {
  int index = 0;
  std::string name;
  bool up = false;  // administratively
  bool carrier = false;
  MacAddress mac{};
  std::vector<OwnAddress> addresses;  // in the kernel's order
  friend bool operator==(const Interface&, const Interface&) = default;

  /// Every address that is not a VIP of ours.
  [[nodiscard]] std::vector<Prefix> native() const;
};

class LinkMonitor {
 public:
  struct Handlers {
    std::function<void()> on_change;  // some interface or address is not what it was
    std::function<void(int interface, const IpAddress&)> on_address_removed;
  };

  LinkMonitor(EventLoop& loop, Logger& log, Handlers handlers);  // throws std::system_error
  LinkMonitor(const LinkMonitor&) = delete;
  LinkMonitor& operator=(const LinkMonitor&) = delete;

  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] const Interface* find(std::string_view name) const;

 private:
  enum class Dump : uint8_t { none, links, addresses };

  void on_readable(ev::io& watcher, int events);
  void request(Dump what);
  void handle(nlmsghdr* header);
  void handle_link(nlmsghdr* header, bool gone);
  void handle_address(nlmsghdr* header, bool gone);
  void dump_done();

  struct Entry {
    Interface interface;
    uint64_t seen = 0;                   // generation of the dump that mentioned it last
    std::vector<uint64_t> address_seen;  // parallel to interface.addresses
  };

  Logger& log_;
  Handlers handlers_;
  UniqueFd fd_;
  std::map<int, Entry> entries_;
  Dump dump_ = Dump::none;
  uint64_t generation_ = 0;
  uint32_t sequence_ = 0;
  bool interrupted_ = false;
  bool synced_ = false;
  bool changed_ = false;
  ev::io watcher_;
};

}  // namespace hapair::vrrp
