#include "tests/bench/relay/cost.h"

#include <fstream>
#include <string>

#include <fmt/format.h>

#include "tests/support/process.h"

namespace hapair::test::bench {

std::vector<pid_t> tree(pid_t root) {
  std::vector<pid_t> out{root};
  for (size_t at = 0; at < out.size(); ++at) {
    for (const pid_t child : Process::children_of(out[at])) out.push_back(child);
  }
  return out;
}

uint64_t resident_bytes(const std::vector<pid_t>& processes) {
  uint64_t kilobytes = 0;
  for (const pid_t pid : processes) {
    std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string word; file >> word;) {
      if (word != "Pss:") continue;
      uint64_t number = 0;
      file >> number;
      kilobytes += number;
      break;
    }
  }
  return kilobytes << 10;
}

}  // namespace hapair::test::bench
