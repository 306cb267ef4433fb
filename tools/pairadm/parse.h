// argv -> Invocation. Pure. Follows ipvsadm's habits: the command comes first (only --run-dir and
// --wait may stand before it), letters may be combined (-Ln), values may be attached (-w5,
// --weight=5), `-p` may stand bare.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "tools/pairadm/options.h"

namespace hapair::pairadm {

/// `args` without the program's name; none at all means -L, as in ipvsadm. The error is one line
/// for the operator.
Result<Invocation> parse(const std::vector<std::string>& args);

}  // namespace hapair::pairadm
