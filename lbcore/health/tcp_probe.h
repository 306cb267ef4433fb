// check = tcp: the server takes connections.
#pragma once

#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

class TcpProbe final : public Probe {
 public:
  using Probe::Probe;

 private:
  void on_connected() override;
};

}  // namespace hapair::lbcore::health
