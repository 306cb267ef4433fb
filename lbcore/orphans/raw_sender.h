// Sends whole IP packets from addresses of ours: raw sockets, which need CAP_NET_RAW, opened with
// the first packet. Packets are routed as those of our own connections from that address are.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "common/unique_fd.h"
#include "lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans {

class RawSender {
 public:
  static constexpr size_t kMost = 64;  // per call

  struct Sent {
    size_t handled = 0;   // of the first ones, sent or failed
    size_t failed = 0;    // of these: no route, no right, ...
    std::string trouble;  // of the last that failed: why
  };
  /// One challenge() to each of the first kMost of one family. What the kernel has no room for now
  /// is not handled.
  Sent challenge(std::span<const Ends> dead);

 private:
  UniqueFd& socket_for(int family);

  UniqueFd v4_;
  UniqueFd v6_;
};

}  // namespace hapair::lbcore::orphans
