// What a program has cost so far, as the kernel accounts it.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include "common/clock.h"

namespace hapair::test::bench {

/// `root` and everything below it, now.
std::vector<pid_t> tree(pid_t root);

/// Processor time of all threads of these processes (schedstat: nanoseconds, not ticks).
Duration processor_time(const std::vector<pid_t>& processes);

/// Resident memory, counting what processes share once (the sum of their PSS), in bytes.
uint64_t resident_bytes(const std::vector<pid_t>& processes);

}  // namespace hapair::test::bench
