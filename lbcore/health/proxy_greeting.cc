#include "lbcore/health/proxy_greeting.h"

#include <string_view>

#include <fmt/format.h>

namespace hapair::lbcore::health {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLocal =
    "\r\n\r\n\0\r\nQUIT\n"  // signature
    "\x20"                  // version 2, LOCAL
    "\0"                    // of no family
    "\0\0"sv;               // no addresses

}  // namespace

std::string proxy_greeting(ProxyProtocol version, const Endpoint& own, const Endpoint& server) {
  switch (version) {
    case ProxyProtocol::none:
      break;
    case ProxyProtocol::v1:
      return fmt::format("PROXY {} {} {} {} {}\r\n", own.ip.is_v4() ? "TCP4" : "TCP6",
                         own.ip.to_string(), server.ip.to_string(), own.port, server.port);
    case ProxyProtocol::v2:
      return std::string(kLocal);
  }
  return {};
}

}  // namespace hapair::lbcore::health
