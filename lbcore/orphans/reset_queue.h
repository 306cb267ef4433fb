// Whom to tell that their connections are gone, when, and how often: each one a few times, since
// what tells them may be lost, and so may their answer or the reset. Pure.
//
// A system answers what is out of order at most twice per second and connection (Linux:
// tcp_invalid_ratelimit), so that beyond the first quick ones, which make up for a segment that is
// lost while neighbours and switches still learn where the VIP is, tries are further apart than
// that. Those that were never tried go before those that were. Bounded: what finds no room is
// refused, and the caller counts it.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans {

class ResetQueue {
 public:
  static constexpr std::array<Duration, 5> kGaps = {0ms, 50ms, 100ms, 550ms, 800ms};
  static constexpr size_t kMost = 1'000'000;

  explicit ResetQueue(size_t most = kMost) : most_(most) {}

  /// How many of them are in it now: the first ones.
  size_t add(const std::vector<Ends>& dead, TimePoint now);

  struct Batch {
    size_t round = 0;  // 0: their first
    std::vector<Ends> dead;
  };
  /// Takes out those whose time has come, at most `most` and of one round, without those that are
  /// not `dead` after all.
  [[nodiscard]] Batch due(size_t most, TimePoint now, const std::function<bool(const Ends&)>& dead);
  /// What became of them: the first `count` were told, the others are first again.
  void tried(const Batch& batch, size_t count, TimePoint now);

  [[nodiscard]] std::optional<TimePoint> next_due() const;
  [[nodiscard]] size_t size() const;
  /// Nobody waits for the first try.
  [[nodiscard]] bool all_tried() const { return rounds_[0].empty(); }

 private:
  struct Waiting {
    Ends dead;
    TimePoint at{};
  };
  size_t most_;
  std::array<std::deque<Waiting>, kGaps.size()> rounds_;
};

}  // namespace hapair::lbcore::orphans
