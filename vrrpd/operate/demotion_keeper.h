// Writes the demotion to disk in a thread of its own: a stalled disk must not stall the heartbeat.
// Used by `speaker`; the results come back on its loop, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/event_loop.h"
#include "common/result.h"
#include "vrrpd/operate/demotion.h"

namespace hapair::vrrp {

class DemotionKeeper {
 public:
  DemotionKeeper(EventLoop& loop, std::string state_dir);
  ~DemotionKeeper();  // waits for the write that goes on
  DemotionKeeper(const DemotionKeeper&) = delete;
  DemotionKeeper& operator=(const DemotionKeeper&) = delete;

  /// `done` runs on the loop once it is on disk, or cannot be.
  void keep(std::optional<Demotion> demotion, std::function<void(const Status&)> done);

 private:
  struct Job {
    std::optional<Demotion> demotion;
    std::function<void(const Status&)> done;
  };
  void work();

  EventLoop& loop_;
  std::string state_dir_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool ending_ = false;
  std::thread writer_;  // started with the first job
};

}  // namespace hapair::vrrp
