// Connections as tests write them.
#pragma once

#include <ostream>
#include <string>

#include "lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans {

inline void PrintTo(const Ends& ends, std::ostream* out) {
  *out << ends.ours.to_string() << " - " << ends.theirs.to_string();
}

namespace test {

inline Ends ends(const std::string& ours, const std::string& theirs) {
  return {Endpoint::parse(ours).value(), Endpoint::parse(theirs).value()};
}

/// Connection `i` of many to one VIP.
inline Ends client(uint32_t i) {
  return {.ours = {IpAddress::v4(0x0a000064), 80},
          .theirs = {IpAddress::v4(0x0a010000 + i / 1000), static_cast<uint16_t>(1 + i % 1000)}};
}

}  // namespace test
}  // namespace hapair::lbcore::orphans
