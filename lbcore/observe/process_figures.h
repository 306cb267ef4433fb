// What the kernel says of this process, for /metrics.
#pragma once

#include <cstdint>

namespace hapair::lbcore::observe {

struct ProcessFigures {
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_descriptors = 0;  // 0: this kernel does not count them
  uint64_t most_descriptors = 0;
  double cpu_seconds = 0;
  double start_unix_seconds = 0;
};

ProcessFigures process_figures();

}  // namespace hapair::lbcore::observe
