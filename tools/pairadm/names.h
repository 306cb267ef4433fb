// Host and service names from the system's databases (getaddrinfo, getnameinfo).
#pragma once

#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

Names system_names();

}  // namespace hapair::pairadm
