// Shorthand for session tests: servers, client addresses, and a time that begins at zero.
#pragma once

#include <memory>

#include "lbcore/model/live.h"

namespace hapair::lbcore::sticky {

inline constexpr TimePoint kStart{};

/// Server `id` of pool "web" at 10.1.0.id:80.
inline std::shared_ptr<LiveServer> make_server(ServerId id) {
  return std::make_shared<LiveServer>(id, "web", Endpoint{IpAddress::v4(0x0a010000 + id), 80});
}

/// The n-th client: 192.168.0.0 + n.
inline IpAddress client(uint32_t n) {
  return IpAddress::v4(0xc0a80000 + n);
}

inline IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

}  // namespace hapair::lbcore::sticky
