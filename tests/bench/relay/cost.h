// The processes of a contender, and the memory that they have now.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace hapair::test::bench {

/// `root` and everything below it, now.
std::vector<pid_t> tree(pid_t root);

/// Resident memory, counting what processes share once (the sum of their PSS), in bytes.
uint64_t resident_bytes(const std::vector<pid_t>& processes);

}  // namespace hapair::test::bench
