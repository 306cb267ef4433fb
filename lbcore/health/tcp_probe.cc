#include "lbcore/health/tcp_probe.h"

namespace hapair::lbcore::health {

void TcpProbe::on_connected() {
  finish(ProbeCode::l4ok, "");
}

}  // namespace hapair::lbcore::health
