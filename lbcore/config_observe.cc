#include "lbcore/config_observe.h"

#include <string>

#include <fmt/format.h>

namespace hapair::lbcore {

ObserveSettings resolve_observe(const config::Section& section, const Complain& complain) {
  ObserveSettings out;
  const std::string& listen = section.text("status_listen");
  if (listen != "none") {
    const auto endpoint = Endpoint::parse(listen);
    if (!endpoint) {
      complain("status_listen",
               fmt::format("'{}' is not valid, valid are none and ADDRESS:PORT", listen));
    } else if (endpoint->port == 0) {
      complain("status_listen", "the port must be 1 to 65535");
    } else {
      out.status_listen = *endpoint;
    }
  }
  const std::string& target = section.text("access_log");
  if (target.starts_with('/') || target == "stderr") {
    out.access_log.target = target;
  } else if (target != "none") {
    complain("access_log",
             fmt::format("'{}' is not valid, valid are none, stderr and an absolute path", target));
  }
  if (section.text("access_log_format") == "json") {
    out.access_log.format = observe::AccessFormat::json;
  }
  return out;
}

}  // namespace hapair::lbcore
