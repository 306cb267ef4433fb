// One line of the access log before it is one: what a connection leaves behind when it is over.
#pragma once

#include <memory>

#include "common/address.h"
#include "lbcore/model/topology.h"
#include "lbcore/observe/trace.h"

namespace hapair::lbcore::observe {

struct AccessRecord {
  Trace trace;
  TimePoint ended{};
  Endpoint client;
  std::shared_ptr<const Service> service;
  std::shared_ptr<const LiveServer> server;  // the last one asked; null: none was
  uint8_t asked = 0;                         // how many servers were
  bool from_session = false;
};

}  // namespace hapair::lbcore::observe
