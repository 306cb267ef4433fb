// The lock of one pool's table, always held for microseconds. Workers take it for one key at a
// time; the main thread takes it over and over, for slices of long work. A plain mutex goes to
// whoever comes first, which is never the one that the kernel has yet to wake: so who waits looks
// at the lock for a while before it sleeps, and the main thread asks between two slices whether
// somebody waits.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace hapair::lbcore::sticky {

class TableMutex {
 public:
  void lock() {
    if (mutex_.try_lock()) return;
    waiting_.fetch_add(1, std::memory_order_relaxed);
    wait();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void unlock() { mutex_.unlock(); }

  /// Before the next slice, the lock not held: those who wait go first, within bounds.
  void let_others_in() const {
    for (int i = 0; i < kMostYields && waiting_.load(std::memory_order_relaxed) > 0; ++i) {
      // Who is awake needs a moment, who sleeps a processor.
      i < kMostYields / 2 ? pause() : std::this_thread::yield();
    }
  }

 private:
  static constexpr int kMostLooks = 400;
  static constexpr int kMostYields = 256;

  static void pause() {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
  }
  void wait() {
    for (int i = 0; i < kMostLooks; ++i) {
      pause();
      if (mutex_.try_lock()) return;
    }
    mutex_.lock();
  }

  std::mutex mutex_;
  std::atomic<int> waiting_{0};
};

}  // namespace hapair::lbcore::sticky
