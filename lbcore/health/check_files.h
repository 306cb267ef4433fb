// What a check needs of this machine's files.
#pragma once

#include "common/result.h"
#include "lbcore/health/check_spec.h"

namespace hapair::lbcore::health {

/// The error says which file cannot be used and why. A check that lacks one would say nothing about
/// any server.
Status check_files(const CheckSpec& spec);

}  // namespace hapair::lbcore::health
