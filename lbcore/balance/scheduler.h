// A scheduler picks one of the candidates. Pure: no clock, no sockets, no allocation in pick(). One
// instance per pool and worker; it may keep a position between picks, and starts anew when the set
// of servers changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "lbcore/balance/algorithm.h"

namespace hapair::lbcore::balance {

struct Candidate {
  uint32_t weight = 1;
  uint32_t active = 0;  // open connections, all workers
  bool usable = false;  // up, weight > 0, and not tried already for this connection
  uint64_t token = 0;   // LiveServer::token; source hashing tells servers apart by it, not by their
                        // place in the list
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Index of a usable candidate, or nothing when there is none. `source_hash` is the same for the
  /// same client prefix.
  virtual std::optional<size_t> pick(std::span<const Candidate> candidates,
                                     uint64_t source_hash) = 0;
};

/// `start` staggers the instances of several workers (pass the worker's number): without it all of
/// them would begin with the same server. Picks are exact round robin from there on.
std::unique_ptr<Scheduler> make_scheduler(Algorithm algorithm, size_t start = 0);

}  // namespace hapair::lbcore::balance
