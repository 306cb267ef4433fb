// The helper for commands: a process of its own with one thread, so that it may fork. It runs what
// lbcore orders, as lbcore's user but without any capability, each command in a process group of
// its own with nothing but its own environment, /dev/null to read from and a time limit; when a
// command ends, or its time does, all that it has started is killed. It ends with lbcore, whose
// death is the end of the socket, and takes all commands with it.
#pragma once

namespace hapair::lbcore::health {

/// How lbcore's program is told to be the helper, and where its socket is then.
inline constexpr const char* kHelperOption = "--run-commands";
inline constexpr int kHelperSocket = 3;

/// Until the socket ends; returns the exit status.
int run_command_helper();

}  // namespace hapair::lbcore::health
