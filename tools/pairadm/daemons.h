// Asks a daemon of this node over its Unix socket, and says in the operator's words why there is no
// answer: not running, not allowed, not answering.
#pragma once

#include <functional>

#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

Result<control::Reply> ask_daemon(const Call& call, const control::Request& request);

/// Hands every reply to `on_reply` until it returns false; waits for the next one without end.
Status stream_from_daemon(const Call& call, const control::Request& request,
                          const std::function<bool(const control::Reply&)>& on_reply);

}  // namespace hapair::pairadm
