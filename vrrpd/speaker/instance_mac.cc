// An instance's virtual MAC address (RFC 9568 section 7.3), where one is configured: the macvlan
// that carries it and the VIPs, up only while the router is Active.
//
// Frames from the other node's virtual MAC, which is the same, reach the macvlan while it is up and
// the interface below it while it is down (so does the kernel treat a source that is its own):
// advertisements are heard on both.
#include <net/if.h>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

int Instance::vip_interface() const {
  return config_.virtual_mac ? mac_interface_ : interface_.index;
}

const std::string& Instance::vip_interface_name() const {
  return config_.virtual_mac ? config_.virtual_mac_interface : config_.interface;
}

MacAddress Instance::vip_mac() const {
  if (!config_.virtual_mac) return interface_.mac;
  const uint8_t family = config_.family == AF_INET6 ? 2 : 1;
  return {0x00, 0x00, 0x5e, 0x00, family, config_.vrid};
}

/// The interface is there: so is the one above it, or will be.
Status Instance::prepare_mac(bool up) {
  if (!config_.virtual_mac) return {};
  const auto now = static_cast<int>(::if_nametoindex(config_.virtual_mac_interface.c_str()));
  if (now != 0 && now == mac_interface_) return {};
  forget_mac();
  const auto made = around_.macvlans.make(
      {.name = config_.virtual_mac_interface, .parent = interface_.index, .mac = vip_mac()});
  if (!made) return tl::unexpected(made.error());
  auto socket = AdvSocket::open(config_.family, AdvSocket::Use::multicast,
                                config_.virtual_mac_interface, *made, config_.vrid);
  if (!socket) return tl::unexpected(socket.error());
  mac_interface_ = *made;
  mac_socket_.emplace(std::move(*socket));
  mac_watcher_.start(mac_socket_->fd(), ev::READ);
  return raise_mac(up);
}

void Instance::forget_mac() {
  mac_watcher_.stop();
  mac_socket_.reset();
  mac_interface_ = 0;
  mac_up_ = false;
}

Status Instance::raise_mac(bool up) {
  if (mac_interface_ == 0) return {};
  Status done = around_.macvlans.set_up(mac_interface_, up);
  if (done) mac_up_ = up;
  return done;
}

void Instance::remove_mac() {
  if (mac_interface_ == 0) return;
  const int index = mac_interface_;
  forget_mac();
  const Status removed = around_.macvlans.remove(index);
  if (!removed) around_.log.environment(subsystem_, "{}", removed.error().message);
}

}  // namespace hapair::vrrp
