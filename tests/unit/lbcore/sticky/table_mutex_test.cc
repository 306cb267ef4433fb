#include "lbcore/sticky/table_mutex.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::sticky {
namespace {

// One that works in slices all the time, and others that come for a moment each.
TEST(TableMutex, OneAtATimeAndNobodyWaitsForTheEndOfLongWork) {
  TableMutex mutex;
  int inside = 0;
  std::atomic<int> visits{0};
  std::vector<std::thread> visitors;
  visitors.reserve(2);
  for (int i = 0; i < 2; ++i) {
    visitors.emplace_back([&] {
      for (int visit = 0; visit < 2000; ++visit) {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(++inside, 1);
        --inside;
        ++visits;
      }
    });
  }
  while (visits < 4000) {
    mutex.let_others_in();
    const std::lock_guard lock(mutex);
    EXPECT_EQ(++inside, 1);
    --inside;
  }
  for (auto& visitor : visitors) visitor.join();
}

}  // namespace
}  // namespace hapair::lbcore::sticky
