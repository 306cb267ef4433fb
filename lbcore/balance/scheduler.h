// A scheduler picks one of the candidates. Pure: no clock, no sockets, no allocation in pick(). One
// instance per pool and worker. It is told of the candidates when anything but their load changes,
// which is rare, and picks among those that are usable, which is for every connection; loads it
// reads where the relay counts them. It keeps its position when the candidates change.
//
// Cost of a pick among n usable servers, and for 1000 of them (tests/bench/scheduler_bench.cc, -O2,
// one busy CPU; a proxied connection costs some 70 us in all):
//   O(1)      rr, mh, fo: 15 to 20 ns
//   O(log n)  random 75 ns, p2c 150 ns
//   O(n)      wrr, lc 0.9 us; wlc, sed, nq, lbw 2 us; lrt, sh 4.4 us; ovf 20 ns while the first has
//             room
// O(n) are short steps over adjacent memory. The load of a server changes under all workers' hands,
// so that no order that a worker keeps of them would stay true.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "common/clock.h"
#include "lbcore/balance/algorithm.h"
#include "lbcore/balance/load.h"

namespace hapair::lbcore::balance {

struct Candidate {
  static constexpr uint16_t kWhole = 256;

  uint32_t weight = 1;     // 0: not picked
  uint16_t ramp = kWhole;  // how much of the weight counts by now, in 256ths (slow start)
  bool usable = false;     // up and not full
  uint32_t limit = 0;      // max_connections; 0: none
  uint64_t token = 0;      // LiveServer::token; hashing tells servers apart by it, not by their
                           // place in the list
  Load load = {};          // must outlive the scheduler, or the next update()

  /// The weight as it counts now, in 256ths; never 0 for a weight above 0.
  [[nodiscard]] uint64_t share() const { return uint64_t{weight} * ramp; }
};

struct Query {
  uint64_t source_hash = 0;  // the same for the same client prefix
  TimePoint now = {};
  std::span<const size_t> tried = {};  // indices that failed this connection already

  [[nodiscard]] bool has_tried(size_t index) const {
    for (const size_t each : tried) {
      if (each == index) return true;
    }
    return false;
  }
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// These are the candidates from now on. May allocate.
  virtual void update(std::span<const Candidate> candidates) = 0;
  /// Index of a usable candidate, or nothing when there is none.
  virtual std::optional<size_t> pick(const Query& query) = 0;
};

/// `start` staggers the instances of several workers (pass the worker's number): without it all of
/// them would begin with the same server. Picks are exact round robin from there on.
std::unique_ptr<Scheduler> make_scheduler(Algorithm algorithm, size_t start = 0);

}  // namespace hapair::lbcore::balance
