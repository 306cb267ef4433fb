// An access log of a test's own, read back, and what stands in a histogram.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/log.h"
#include "lbcore/observe/access_log.h"
#include "lbcore/observe/histogram.h"
#include "tests/support/files.h"
#include "tests/support/wait.h"

namespace hapair::lbcore::relay::test {

class AccessFile {
  hapair::test::TempDir dir_;
  std::string path_ = dir_ / "access.log";

 public:
  explicit AccessFile(Logger& logger) : log(logger, 1) {
    log.configure({.target = path_, .format = observe::AccessFormat::text});
  }
  /// All lines, once there are so many.
  std::vector<std::string> lines(size_t count) {
    std::vector<std::string> out;
    const auto read = [&] {
      out.clear();
      std::ifstream file(path_);
      for (std::string line; std::getline(file, line) && !file.eof();) out.push_back(line);
      return out.size() >= count;
    };
    EXPECT_TRUE(hapair::test::eventually(5s, read)) << "so many lines are there: " << out.size();
    out.resize(std::max(out.size(), count));
    return out;
  }

  observe::AccessLog log;
};

inline uint64_t count(const observe::Histogram& histogram) {
  observe::Distribution values;
  histogram.add_to(values);
  return values.count();
}

}  // namespace hapair::lbcore::relay::test
