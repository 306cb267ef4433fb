// What one probe found, with a named code (HAProxy's names, which operators know):
//
//   L4OK     connected; or not refused (udp)     L7OK     answered as expected
//   L4CON    could not connect                   L7STS    answered with another status
//   L4TOUT   no connection in time               L7RSP    answered with something else, or hung up
//   L6OK     TLS handshake done                  L7TOUT   connected, but no answer in time
//   L6RSP    TLS handshake failed
//   L6TOUT   no TLS handshake in time
//   PROCOK   the command succeeded               PROCTOUT it took too long, and was killed
//   PROCERR  it failed, or was killed
//   SOCKERR  this machine had no descriptor, port, memory, source address or permission for the
//            probe, or no helper for commands: says nothing about the server
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace hapair::lbcore::health {

enum class ProbeCode : uint8_t {
  l4ok,
  l4con,
  l4tout,
  l6ok,
  l6rsp,
  l6tout,
  l7ok,
  l7sts,
  l7rsp,
  l7tout,
  procok,
  procerr,
  proctout,
  sockerr
};

std::string_view name(ProbeCode code);

struct ProbeResult {
  ProbeCode code = ProbeCode::sockerr;
  std::string detail;   // status code or reason; may be empty
  Duration latency{0};  // from the beginning of the connect

  [[nodiscard]] bool passed() const;
  /// Our own trouble: neither for nor against the server.
  [[nodiscard]] bool environment() const { return code == ProbeCode::sockerr; }
  /// "L7OK 200 in 0.8ms", "L4CON Connection refused", "L4TOUT no connection in 1s".
  [[nodiscard]] std::string text() const;
};

}  // namespace hapair::lbcore::health
