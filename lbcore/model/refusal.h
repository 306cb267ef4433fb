// Why a client was turned away before any server was asked; each reason is counted on its own, and
// is called what the configuration calls its limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hapair::lbcore {

enum class Refusal : uint8_t {
  proxy_header,          // it must send a PROXY header, and what it sent is none
  proxy_header_timeout,  // it must send one, and did not in time
  max_connections,       // of the service
  max_rate,
  source_max_connections,  // of its address
  source_max_rate,
  queue_full,     // all servers are full, and as many wait as may
  queue_timeout,  // it has waited for so long as it may
};

inline constexpr std::array<std::string_view, 8> kRefusalNames{
    "proxy_header",           "proxy_header_timeout", "max_connections", "max_rate",
    "source_max_connections", "source_max_rate",      "queue_full",      "queue_timeout"};
inline constexpr size_t kRefusals = kRefusalNames.size();

constexpr std::string_view name(Refusal refusal) {
  return kRefusalNames[static_cast<size_t>(refusal)];
}

}  // namespace hapair::lbcore
