// A stranger at a switch: records what one port says, and says it again at another.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

class Replay {
 public:
  enum class Kind : uint8_t { udp, vrrp };  // over IPv4

  /// Records at `port` of `in` what comes in there.
  Replay(const Namespace& in, const std::string& port, Kind kind);

  [[nodiscard]] size_t captured() const;
  /// Records no more.
  void stop();
  /// Sends everything recorded out of `port`, oldest first.
  void send(const std::string& port) const;

 private:
  void record(const std::stop_token& stop, uint8_t protocol);

  const Namespace& in_;
  mutable std::mutex mutex_;
  std::vector<std::vector<uint8_t>> frames_;
  UniqueFd socket_;
  std::jthread thread_;
};

}  // namespace hapair::test
