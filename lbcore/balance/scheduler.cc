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
    case Algorithm::sed:
      return make_shortest_expected_delay(start);
    case Algorithm::nq:
      return make_never_queue(start);
    case Algorithm::random:
      return make_weighted_random(start);
    case Algorithm::p2c:
      return make_two_choices(start);
    case Algorithm::lrt:
      return make_least_response_time(start);
    case Algorithm::lbw:
      return make_least_bandwidth(start);
    case Algorithm::sh:
      return make_source_hash();
    case Algorithm::mh:
      return make_maglev_hash();
    case Algorithm::fo:
      return make_failover();
    case Algorithm::ovf:
      return make_overflow();
  }
  return nullptr;  // every Algorithm is named above
}

}  // namespace hapair::lbcore::balance
