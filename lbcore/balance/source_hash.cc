// sh: the same client prefix always goes to the same server, on both nodes and after every restart,
// with no memory at all: weighted rendezvous hashing (Schindelhauer and Schomaker). Every server
// draws a number from hash(client, server), scaled by its weight; the highest wins. What follows,
// and is measured in the tests:
//   - each server's share of the clients is its share of the weights
//   - when a server leaves, only its own clients move, and they spread over the others by weight
//   - when it comes back, exactly those return
// The order of the list does not matter. Servers are told apart by their token (address), never by
// their index.

#include <cmath>

#include <xxhash.h>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/eligible.h"

namespace hapair::lbcore::balance {

namespace {

/// weight / -ln(u), with u drawn uniformly from (0, 1) by the hash: the winner of the highest score
/// is chosen with probability weight / sum(weights).
double score(const Candidate& candidate, uint64_t source_hash) {
  const uint64_t draw = XXH3_64bits_withSeed(&candidate.token, sizeof candidate.token, source_hash);
  const double u = (static_cast<double>(draw >> 12) + 0.5) * 0x1p-52;  // exact, never 0 or 1
  return static_cast<double>(candidate.weight) / -std::log(u);
}

class SourceHash final : public Scheduler {
 public:
  std::optional<size_t> pick(std::span<const Candidate> candidates, uint64_t source_hash) override {
    std::optional<size_t> best;
    double highest = 0;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!eligible(candidates[i])) continue;
      const double own = score(candidates[i], source_hash);
      if (best && own <= highest) continue;
      best = i;
      highest = own;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_source_hash() {
  return std::make_unique<SourceHash>();
}

}  // namespace hapair::lbcore::balance
