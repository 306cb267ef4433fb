// The UDP socket of the pair path: bound to our pair address, whether or not its interface is there
// yet, on the port that lbcore uses for TCP. Non-blocking. Used by `pair_path`.
//
// It is not connected: a guardian sends its dead speaker's last word from a port of its own, and an
// ICMP error about a peer that is down must not cost a word later. What is not from the peer's
// address is handed over as a refusal.
#pragma once

#include <functional>
#include <span>

#include "common/address.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

class PathSocket {
 public:
  static Result<PathSocket> open(const Endpoint& own, const Endpoint& peer);

  [[nodiscard]] int fd() const { return fd_.get(); }
  Status send(std::span<const uint8_t> datagram) const;
  /// Hands over what waits, at most `most` datagrams, with their senders' addresses.
  Status receive(
      int most,
      const std::function<void(std::span<const uint8_t>, const IpAddress&)>& handle) const;

 private:
  PathSocket(UniqueFd fd, const Endpoint& peer) : fd_(std::move(fd)), peer_(peer) {}
  UniqueFd fd_;
  Endpoint peer_;
};

}  // namespace hapair::vrrp
