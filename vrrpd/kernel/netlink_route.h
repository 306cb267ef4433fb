// Virtual routes in the kernel, marked as ours (rtm_protocol), and the news that one of them is
// gone.
//
// They are added beside what is there: a route of somebody else to the same network and with the
// same metric stays behind ours and takes over again when ours goes. Used by `instance`; by
// `guardian` through ready-made requests; at start and by --release-addresses for leftovers.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "vrrpd/holding/route.h"
#include "vrrpd/kernel/netlink_socket.h"

namespace hapair::vrrp {

/// rtm_protocol of every route that vrrpd adds; `ip route` shows it as "proto 247".
inline constexpr uint8_t kRouteMark = 0xf7;

class NetlinkRoute {
 public:
  /// Adds what is missing; returns how many that were. The first failure counts; the rest is tried
  /// nevertheless.
  Result<int> add(std::span<const VirtualRoute> routes);
  /// An absent route is a removed one.
  Status remove(std::span<const VirtualRoute> routes);
  /// Every route with our mark, whatever its table; returns how many there were.
  Result<int> remove_marked();

  /// The request with which somebody else can remove it.
  static std::string removal(const VirtualRoute& route);
  /// Carries out what removal() made.
  Status send(std::string_view request);

 private:
  NetlinkSocket socket_;
};

/// Calls back when a route with our mark was removed, by whomever.
class RouteWatch {
 public:
  RouteWatch(EventLoop& loop, std::function<void()> on_removed);  // throws std::system_error

 private:
  void on_readable(ev::io& watcher, int events);

  UniqueFd fd_;
  std::function<void()> on_removed_;
  ev::io watcher_;
};

}  // namespace hapair::vrrp
