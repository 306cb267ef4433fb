// One established TCP connection as a value: all that another kernel needs to go on with it where
// this one stopped. Taken and given by tcp_repair.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/address.h"
#include "common/result.h"

namespace hapair::lbcore::handover {

struct TcpImage {
  Endpoint local = {};
  Endpoint remote = {};
  /// `local` is an address of another machine, for which this one speaks (IP_TRANSPARENT).
  bool transparent = false;

  uint32_t sequence = 0;      // of the first byte of `sent`, else of the next one to be sent
  uint32_t acknowledged = 0;  // the next byte that is expected of the peer
  std::string sent = {};      // and not acknowledged
  std::string received = {};  // acknowledged, and read by nobody

  // What the handshake agreed on.
  uint32_t mss = 536;
  bool sack = false;
  bool timestamps = false;
  uint32_t timestamp = 0;
  struct Scales {
    uint8_t send = 0;
    uint8_t receive = 0;
    friend bool operator==(const Scales&, const Scales&) = default;
  };
  std::optional<Scales> scales = {};

  // As the kernel keeps them (struct tcp_repair_window).
  struct Window {
    uint32_t updated_by = 0;  // the peer's segment that set `send`
    uint32_t send = 0;
    uint32_t most_send = 0;
    uint32_t receive = 0;
    uint32_t told_at = 0;  // up to which byte `receive` was told

    friend bool operator==(const Window&, const Window&) = default;
  };
  Window window = {};

  friend bool operator==(const TcpImage&, const TcpImage&) = default;
};

/// Of `sent`, and of `received`: more is not moved.
inline constexpr size_t kMostQueued = size_t{16} << 20;

/// Whether a kernel can take it; an image comes from another node.
Status validate(const TcpImage& image);

}  // namespace hapair::lbcore::handover
