// `[pair]`: the link between the two nodes, read by vrrpd (second heartbeat path) and lbcore
// (replication) alike.
#pragma once

#include <optional>
#include <string>

#include "common/address.h"
#include "common/config/schema.h"

namespace hapair::config {

extern const Kind kPairKind;

struct Pair {
  std::string node;  // own name
  std::string peer;  // the other's
  Endpoint own;
  Endpoint other;
  std::string key_file;
};

/// Nothing when the file has no [pair] section. Needs exactly two nodes, each with an address of
/// its own.
Result<std::optional<Pair>> read_pair(const Config& config);

}  // namespace hapair::config
