// A bounded queue between one worker and the writer of the access log: one producer, one consumer,
// no lock, and nobody waits. When it is full the record is dropped and counted (DESIGN invariant
// 8). Its memory (about half a megabyte) exists from the first time that the log is switched on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "lbcore/observe/access_record.h"

namespace hapair::lbcore::observe {

class AccessRing {
 public:
  static constexpr size_t kSlots = 4096;

  AccessRing() = default;
  AccessRing(const AccessRing&) = delete;
  AccessRing& operator=(const AccessRing&) = delete;

  // ---- The worker

  /// One relaxed load: what every connection pays while there is no access log.
  [[nodiscard]] bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  /// Call when wanted. True when the ring is half full now: the writer should come.
  bool push(AccessRecord record) {
    AccessRecord* slots = slots_.load(std::memory_order_acquire);
    const size_t begin = begin_.load(std::memory_order_acquire);
    const size_t end = end_.load(std::memory_order_relaxed);
    if (slots == nullptr || end - begin == kSlots) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    slots[end % kSlots] = std::move(record);
    end_.store(end + 1, std::memory_order_release);
    return end + 1 - begin == kSlots / 2;
  }

  // ---- The writer

  /// Hands each record that is there to `take`.
  template <typename Take>
  void drain(Take take) {
    const size_t end = end_.load(std::memory_order_acquire);
    for (size_t begin = begin_.load(std::memory_order_relaxed); begin != end; ++begin) {
      AccessRecord record = std::move(slots_.load(std::memory_order_acquire)[begin % kSlots]);
      begin_.store(begin + 1, std::memory_order_release);
      take(record);
    }
  }

  // ---- Anybody

  [[nodiscard]] uint64_t pushed() const { return end_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // ---- The main thread

  void want(bool wanted) {
    if (wanted && !memory_) {
      memory_ = std::make_unique<AccessRecord[]>(kSlots);
      slots_.store(memory_.get(), std::memory_order_release);
    }
    wanted_.store(wanted, std::memory_order_relaxed);
  }

 private:
  std::unique_ptr<AccessRecord[]> memory_;
  std::atomic<AccessRecord*> slots_{nullptr};
  std::atomic<bool> wanted_{false};
  alignas(64) std::atomic<size_t> begin_{0};  // the writer moves it
  alignas(64) std::atomic<size_t> end_{0};    // the worker moves it
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace hapair::lbcore::observe
