// The raw socket through which one virtual router speaks and hears VRRP on one interface (RFC 9568
// section 5.1).
//
// Sends with TTL 255 from the interface's primary address, to 224.0.0.18 or to the peer; hears only
// its interface (SO_BINDTODEVICE) and, by a socket filter, only its VRID, so that the
// advertisements of other routers cost nothing. Non-blocking throughout. Used by `instance`;
// `guardian` builds one to send with (Use::send_only).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/address.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

class AdvSocket {
 public:
  enum class Use : uint8_t { send_only, multicast, unicast };

  /// Throws nothing: an interface may vanish at any moment.
  static Result<AdvSocket> open(Use use, const std::string& interface, int index, uint8_t vrid);
  /// Hears nothing, bound to no interface: for the guardian.
  static Result<AdvSocket> open_for_sending();

  [[nodiscard]] int fd() const { return fd_.get(); }

  Status send(int interface, const IpAddress& source, const IpAddress& destination,
              std::span<const uint8_t> message) const;

  /// Hands over what waits, at most `most` datagrams. Returns whether the socket is still sound.
  Status receive(int most, const std::function<void(std::span<const uint8_t>)>& handle) const;

 private:
  explicit AdvSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace hapair::vrrp
