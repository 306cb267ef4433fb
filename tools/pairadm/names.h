// Host and service names from the system's databases (getaddrinfo, getnameinfo).
#pragma once

#include <string>

#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

Names system_names();

/// Who runs this program: the user before sudo, else the user.
std::string system_user();

}  // namespace hapair::pairadm
