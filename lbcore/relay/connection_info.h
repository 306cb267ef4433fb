// What `pairadm -Lc` shows of a connection, or of a flow of datagrams.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::relay {

struct ConnectionInfo {
  std::shared_ptr<const Service> service;
  std::shared_ptr<LiveServer> server;  // null: none yet
  Endpoint client;
  std::string_view state;  // "connecting", ...
  Duration age{0};
  std::optional<Duration> expires;  // until it is ended if nothing happens
};

}  // namespace hapair::lbcore::relay
