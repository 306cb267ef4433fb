// Asks a daemon of this node over its Unix socket, and says in the operator's words why there is no
// answer: not running, not allowed, not answering.
#pragma once

#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

Result<control::Reply> ask_daemon(const Call& call, const control::Request& request);

}  // namespace hapair::pairadm
