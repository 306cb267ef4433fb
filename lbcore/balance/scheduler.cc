#include "lbcore/balance/scheduler.h"

#include "lbcore/balance/algorithms.h"

namespace hapair::lbcore::balance {

std::unique_ptr<Scheduler> make_scheduler(Algorithm algorithm, size_t start) {
  switch (algorithm) {
    case Algorithm::rr:
      return make_round_robin(start);
    case Algorithm::wrr:
      return make_weighted_round_robin(start);
    case Algorithm::lc:
      return make_least_connections(start);
    case Algorithm::wlc:
      return make_weighted_least_connections(start);
    case Algorithm::sh:
      return make_source_hash();
  }
  return nullptr;  // every Algorithm is named above
}

}  // namespace hapair::lbcore::balance
