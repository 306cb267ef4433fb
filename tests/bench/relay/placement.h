// Which processors the calling thread runs on; what it starts inherits that.
#pragma once

#include <vector>

#include <sched.h>

namespace hapair::test::bench {

inline void run_on(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(static_cast<size_t>(processor), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace hapair::test::bench
