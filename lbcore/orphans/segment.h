// The one packet that makes a client's own system find out that its connection is gone: a TCP
// segment with SYN and ACK, from our end to theirs, with numbers that are nobody's. Pure.
//
// Whoever has the connection answers it with an ACK that says what it expects (RFC 5961 section 4),
// and the system that holds our address now, which knows no such connection, answers that with RST:
// exactly in sequence, so it counts. It is the only segment that does this and no harm else (tried
// on Linux): one without ACK breaks a connection that the client is just making anew from the same
// port (both ends would open it), one without SYN does not get through firewalls that follow
// connections, and neither does a mere SYN from this side, while a SYN with ACK that makes no sense
// must be passed on. Whoever has no such connection answers with RST, which no one minds; and if
// the connection lives, here or on a peer that is not dead at all, its answer goes to where it
// lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans {

/// With its IP header. `sequence` and `acknowledged` should be random.
std::vector<uint8_t> challenge(const Ends& ends, uint32_t sequence, uint32_t acknowledged);

}  // namespace hapair::lbcore::orphans
