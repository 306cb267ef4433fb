// What keeps the heartbeat going on a busy machine: a real-time priority and memory that is never
// paged out.
#pragma once

#include <string>

namespace hapair::vrrp {

/// For the calling process; threads and children that it starts later have normal priority again.
/// Returns what the machine refused, or "".
std::string become_realtime();

}  // namespace hapair::vrrp
