// What control.proto tells of services, servers and replication as JSON: one writer for `pairadm
// --json` and for lbcore's status pages, so that both have the same keys. pairadm(8) documents
// them. Keys keep the order in which they are set. Pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/schema/control.pb.h"

namespace hapair {

using Json = nlohmann::ordered_json;

/// Indented, with a final newline. Bytes that are no UTF-8 become U+FFFD: a daemon's text never
/// breaks the document.
std::string json_text(const Json& json);

Json service_json(const control::Service& service);
Json server_json(const control::Server& server);
Json sync_json(const control::Sync& sync);

/// What has been counted since `pairadm -Z`.
control::Counters since_zero(const control::Counters& counters, const control::Counters& zeroed);

}  // namespace hapair
