// Where a change by pairadm is to be made: the Active takes changes, a Backup passes them on to it
// (DESIGN invariant 11).
#pragma once

#include <cstdint>
#include <string>

namespace hapair::lbcore {

struct Door {
  enum class Where : uint8_t { here, peer, nowhere };
  Where where = Where::here;
  std::string why = {};  // nowhere
};

}  // namespace hapair::lbcore
