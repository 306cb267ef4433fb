// `[pair]`: the link between the two nodes, read by vrrpd (second heartbeat path) and lbcore (replication) alike.
#pragma once

#include <optional>
#include <span>
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

/// Nothing when the file has no [pair] section. Needs exactly two nodes with an address each.
/// `text`/`kinds` are loaded twice, once per node, because a section shows only its own node's values.
Result<std::optional<Pair>> load_pair(const std::string& path, const std::string& node, std::span<const Kind> kinds);

}  // namespace hapair::config
