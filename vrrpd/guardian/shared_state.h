// What the speaker leaves behind at every moment, in memory that outlives it: how alive it is, what
// the next speaker needs to go on as if nothing had happened, and what the guardian needs to bury
// it (take the VIPs away, resign).
//
// One memfd, made by the guardian and inherited by every speaker. Only the living speaker writes:
// its loop's thread, and the text of the configuration the thread that reads it. The guardian reads
// at any moment, and empties the snapshot when it has buried what was in it. Small things that
// change at each advertisement are atomics (Board); the rest is a snapshot (testament.proto) in one
// of two slots, published by its number: who is killed in the middle of writing one leaves the one
// before it whole. Times are steady-clock nanoseconds: one machine, one boot.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

inline constexpr size_t kMostRouters = 1024;
inline constexpr size_t kSnapshotBytes = size_t{1} << 20;

/// A TimePoint as an atomic; the clock's beginning means never.
class SharedTime {
 public:
  void set(TimePoint at) { ns_.store(at.time_since_epoch().count(), std::memory_order_release); }
  [[nodiscard]] TimePoint get() const {
    return TimePoint(Duration(ns_.load(std::memory_order_acquire)));
  }

 private:
  std::atomic<Duration::rep> ns_{0};
};

/// What one router writes at each advertisement.
struct RouterCell {
  SharedTime last_sent;
  SharedTime last_heard;           // from somebody else
  std::atomic<bool> holds{false};  // its VIPs are on the interface and to be renewed
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> received{0};
};

struct Board {
  SharedTime alive;                   // end of the speaker's last turn of its loop
  std::atomic<uint64_t> life{0};      // number of the speaker that the guardian started last
  std::atomic<uint64_t> in_place{0};  // number of the last one that had taken over what was left
  std::atomic<Duration::rep> fastest{0};  // interval of the fastest router that is Active; 0: none

  std::atomic<uint64_t> epoch{0};  // of what is authenticated: the next speaker begins above it

  std::array<RouterCell, kMostRouters> cells;  // by testament.Router.cell
};

class SharedState {
 public:
  SharedState();  // throws std::system_error
  ~SharedState();
  SharedState(const SharedState&) = delete;
  SharedState& operator=(const SharedState&) = delete;

  [[nodiscard]] Board& board() { return *board_; }
  [[nodiscard]] const Board& board() const { return *board_; }

  /// Replaces the snapshot. Fails when it does not fit; the one before stays.
  Status publish(std::string_view snapshot);
  /// How many were published: changes with each.
  [[nodiscard]] uint64_t published() const;
  /// The last whole one; nothing when there is none, or none that is sound.
  [[nodiscard]] std::optional<std::string> snapshot() const;

  /// Keeps the text of the configuration in force, for the next speaker.
  Status keep_config(std::string_view text);
  /// The text kept last; nothing before the first.
  [[nodiscard]] std::optional<std::string> config() const;

 private:
  struct Slot;
  struct Memory;

  UniqueFd fd_;
  std::array<UniqueFd, 2> config_files_;
  Memory* memory_ = nullptr;
  Board* board_ = nullptr;
};

}  // namespace hapair::vrrp
