// How many connections this process can hold at all: each needs two descriptors of a limited table.
// When it is spent, workers leave new clients in the kernel's accept queue, where they wait for a
// moment instead of being refused. A UDP flow needs one descriptor; all flows together get half of
// the table at most, for datagrams with forged senders make as many flows as they like. Shared by
// all workers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace hapair::lbcore::relay {

class ConnectionBudget {
 public:
  /// `kernel_pipes`: what each worker may have of them beside its connections.
  explicit ConnectionBudget(size_t most, size_t kernel_pipes = 0)
      : most_(most), kernel_pipes_(kernel_pipes) {}

  bool take() {
    const size_t before = in_use_.fetch_add(1, std::memory_order_relaxed);
    if (2 * before + 2 + flows() <= 2 * most_) return true;
    give_back();
    return false;
  }
  void give_back() { in_use_.fetch_sub(1, std::memory_order_relaxed); }

  bool take_flow() {
    const size_t before = flows_.fetch_add(1, std::memory_order_relaxed);
    if (before < most_ && 2 * in_use() + before + 1 <= 2 * most_) return true;
    give_back_flow();
    return false;
  }
  void give_back_flow() { flows_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] size_t in_use() const { return in_use_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t flows() const { return flows_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t most() const { return most_; }
  [[nodiscard]] size_t kernel_pipes() const { return kernel_pipes_; }

 private:
  const size_t most_;
  const size_t kernel_pipes_;
  std::atomic<size_t> in_use_{0};
  std::atomic<size_t> flows_{0};
};

/// What a limit of `descriptors` leaves for connections after listeners, checks and control.
inline size_t connections_within(size_t descriptors) {
  constexpr size_t kLeastReserve = 64;
  const size_t reserve = std::max(kLeastReserve, descriptors / 16);
  return descriptors > reserve + 2 ? (descriptors - reserve) / 2 : 1;
}

}  // namespace hapair::lbcore::relay
