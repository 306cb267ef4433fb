// Starts the program of an upgrade so that it is nobody's child but the supervisor's: the old
// process ends before it, and systemd wants to hear of the new one's end itself.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "common/result.h"

namespace hapair::lbcore::upgrade {

/// How the new process finds its end of the channel: a descriptor's number.
inline constexpr const char* kChannelVariable = "HAPAIR_UPGRADE_CHANNEL";

/// The path at which this program will be found again, also after a package has replaced it.
std::string program_path(const char* argv0);

/// Runs `program` with these arguments (argv[0] included), this environment, and of all descriptors
/// the standard ones and `channel`. Returns its process id; what keeps it from running is an error.
Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments,
                    int channel);

}  // namespace hapair::lbcore::upgrade
