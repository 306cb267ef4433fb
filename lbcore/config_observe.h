// The keys of [lbcore] for what is shown: status pages and access log. They may change with a
// reload.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "common/address.h"
#include "common/config/schema.h"
#include "lbcore/observe/access_line.h"

namespace hapair::lbcore {

struct ObserveSettings {
  std::optional<Endpoint> status_listen;  // nothing: no status pages
  observe::AccessLogSettings access_log;
};

using Complain = std::function<void(std::string_view key, std::string_view what)>;
ObserveSettings resolve_observe(const config::Section& section, const Complain& complain);

}  // namespace hapair::lbcore
