// How workers learn that other servers of a pool may be scheduled than before, without looking at
// each of them for every connection: all servers of a pool share a pulse that counts such changes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace hapair::lbcore {

class Pulse {
 public:
  void beat() { beats_.fetch_add(1, std::memory_order_release); }
  /// Who sees a beat sees what was stored before it.
  [[nodiscard]] uint32_t beats() const { return beats_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint32_t> beats_{0};
};

/// To be used like a std::atomic<bool>; a change of its value beats the pulse.
class PulsedFlag {
 public:
  PulsedFlag(bool value, std::shared_ptr<Pulse> pulse) : value_(value), pulse_(std::move(pulse)) {}
  PulsedFlag(const PulsedFlag&) = delete;
  PulsedFlag& operator=(const PulsedFlag&) = delete;

  [[nodiscard]] bool load(std::memory_order order = std::memory_order_relaxed) const {
    return value_.load(order);
  }
  void store(bool value, std::memory_order order = std::memory_order_relaxed) {
    if (value_.exchange(value, order) != value) pulse_->beat();
  }
  PulsedFlag& operator=(bool value) {
    store(value);
    return *this;
  }
  operator bool() const { return load(); }  // NOLINT(google-explicit-constructor): as the atomic

 private:
  std::atomic<bool> value_;
  const std::shared_ptr<Pulse> pulse_;
};

}  // namespace hapair::lbcore
