// The states of role.proto in the words of RFC 9568, as people and programs are told them.
#pragma once

#include <string_view>

#include "common/schema/role.pb.h"

namespace hapair::role {

inline std::string_view state_text(State state) {
  switch (state) {
    case STATE_ACTIVE:
      return "Active";
    case STATE_BACKUP:
      return "Backup";
    default:
      return "Initialize";
  }
}

}  // namespace hapair::role
