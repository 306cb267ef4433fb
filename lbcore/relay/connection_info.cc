// What an operator sees of a connection (`pairadm -Lc`).
#include "lbcore/relay/connection.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

ConnectionInfo Connection::info() const {
  const auto state = [&]() -> std::string_view {
    switch (phase_) {
      case Phase::waiting:
        return "waiting";
      case Phase::connecting:
        return "connecting";
      case Phase::relaying: {
        const bool one_ended = up_.state() == RelayPipe::State::finished ||
                               down_.state() == RelayPipe::State::finished;
        return one_ended ? "half-closed" : "established";
      }
      case Phase::lingering:
        return "lingering";
      case Phase::over:
        return "over";
    }
    return "unknown";
  };
  return {.service = service_,
          .server = server_live_,
          .client = address_,
          .state = state(),
          .age = worker_.loop().now() - trace_.accepted(),
          .expires = std::nullopt};
}

}  // namespace hapair::lbcore::relay
