// The thread that reads a configuration for a reload: parsing and disk have no place on the
// heartbeat loop, nor has waiting for this thread, which runs with ordinary priority and may have
// to wait for a processor. One for the speaker's whole life, woken through a descriptor: the loop
// neither starts nor joins nor locks anything. Owned by `speaker`.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "common/event_loop.h"
#include "common/unique_fd.h"
#include "vrrpd/config/config.h"

namespace hapair::vrrp {

class ConfigReader {
 public:
  struct Callbacks {
    std::function<Result<DaemonConfig>()> read;                // on the thread
    std::function<void(const Result<DaemonConfig>&)> on_read;  // on the loop
  };

  /// Throws std::system_error.
  ConfigReader(EventLoop& loop, Callbacks callbacks);
  ~ConfigReader();  // waits for the thread
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  /// Reads, once for all requests that come while it is being read.
  void request();

 private:
  void run();

  EventLoop& loop_;
  Callbacks callbacks_;
  UniqueFd wake_;  // eventfd: reads wanted
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last: started when everything above exists
};

}  // namespace hapair::vrrp
