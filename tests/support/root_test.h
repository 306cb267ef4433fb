// Tests that need root: derive the fixture from RootTest. Without root they are skipped, loudly;
// where the result must be complete (CI or HAPAIR_REQUIRE_ROOT set) they fail instead.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

namespace hapair::test {

/// Call it from SetUp(): the test's body does not run after a skip or a failure there.
inline void require_root() {
  if (::geteuid() == 0) return;
  if (std::getenv("CI") != nullptr || std::getenv("HAPAIR_REQUIRE_ROOT") != nullptr) {
    FAIL() << "this test needs root, and CI or HAPAIR_REQUIRE_ROOT is set";
  }
  GTEST_SKIP() << "SKIPPED, NOT PROVEN: this test needs root (network namespaces)";
}

class RootTest : public ::testing::Test {
 protected:
  void SetUp() override { require_root(); }
};

}  // namespace hapair::test
