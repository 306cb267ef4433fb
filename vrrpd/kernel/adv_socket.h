// The raw socket through which one virtual router speaks and hears VRRP on one interface (RFC 9568
// section 5.1).
//
// Sends with TTL or hop limit 255 from the given address of the interface, to 224.0.0.18, ff02::12
// or the peer; hears only its interface (SO_BINDTODEVICE) and, by a socket filter, only its VRID,
// so that the advertisements of other routers cost nothing. IPv4 arrives with its header, IPv6 with
// ancillary data instead: either becomes a Datagram here. The kernel leaves the checksum of this
// protocol alone, in both directions and families. Non-blocking throughout. Used by `instance`;
// `guardian` builds one per family to send with.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <tl/expected.hpp>

#include "common/address.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

class AdvSocket {
 public:
  enum class Use : uint8_t { multicast, unicast };
  using Handler = std::function<void(const tl::expected<Datagram, RefuseReason>&)>;

  /// `family`: AF_INET or AF_INET6. Throws nothing: an interface may vanish at any moment.
  static Result<AdvSocket> open(int family, Use use, const std::string& interface, int index,
                                uint8_t vrid);
  /// Hears nothing, bound to no interface: for the guardian.
  static Result<AdvSocket> open_for_sending(int family = AF_INET);

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Both addresses are of the socket's family.
  Status send(int interface, const IpAddress& source, const IpAddress& destination,
              std::span<const uint8_t> message) const;

  /// Hands over what waits, at most `most` datagrams; their bytes are valid during the call.
  /// Returns whether the socket is still sound.
  Status receive(int most, const Handler& handle) const;

 private:
  AdvSocket(UniqueFd fd, int family) : fd_(std::move(fd)), family_(family) {}
  UniqueFd fd_;
  int family_;
};

}  // namespace hapair::vrrp
