// What an operator sees of a connection (`pairadm -Lc`).
#include <algorithm>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

ConnectionInfo Connection::info() const {
  const auto state = [&]() -> std::string_view {
    switch (phase_) {
      case Phase::heading:
        return "PROXY header";
      case Phase::queued:
        return "queued";
      case Phase::waiting:
        return "waiting";
      case Phase::connecting:
        return "connecting";
      case Phase::relaying:
        return half_closed() ? "half-closed" : "established";
      case Phase::frozen:
      case Phase::restored:
        return "moving";
      case Phase::lingering:
        return "lingering";
      case Phase::over:
        return "over";
    }
    return "unknown";
  };
  const TimePoint now = worker_.loop().now();
  std::optional<Duration> expires;
  if (phase_ == Phase::relaying) expires = std::max<Duration>(silent_until() - now, 0s);
  return {.service = service_,
          .server = server_live_,
          .client = address_,
          .state = state(),
          .age = now - trace_.accepted(),
          .expires = expires};
}

}  // namespace hapair::lbcore::relay
