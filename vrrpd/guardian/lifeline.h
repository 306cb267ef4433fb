// Learns of the death of the speaker's main thread, and of nothing else.
//
// The end of the channel and a pidfd report a process only when the last of its threads is gone,
// and a thread that writes a log line may be kept from dying: by a busy processor for many
// milliseconds, by a stalled disk for ever. A robust mutex in shared memory reports its own holder:
// the kernel releases it as the first thing a dying thread does. Used by `guardian`, one per
// speaker.
#pragma once

#include <functional>
#include <thread>

#include <pthread.h>

namespace hapair::vrrp {

class Lifeline {
 public:
  Lifeline();   // throws std::system_error; before fork()
  ~Lifeline();  // in the guardian: the holder must be dead
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  /// In the speaker's main thread, for the rest of its life.
  void hold();
  /// In the guardian, once the speaker holds it: calls `on_death` on a thread of its own.
  void watch(std::function<void()> on_death);
  /// Until the watching thread is gone: soon, once the holder is dead.
  void join();

 private:
  pthread_mutex_t* mutex_;  // in memory shared with the speaker
  std::thread watcher_;
};

}  // namespace hapair::vrrp
