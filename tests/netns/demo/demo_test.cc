// The README's first command: tools/demo tells its story, loses nothing that should not be lost,
// and leaves nothing behind, neither at its end nor when it is interrupted. It runs with this
// build's programs (--no-setup) and under a name of its own, so that a lab that somebody keeps is
// not in its way.
#include <csignal>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/root_test.h"

namespace hapair::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class DemoTest : public RootTest {
 protected:
  [[nodiscard]] Launch demo() const {
    return {.argv = {kTools + "/demo", "--no-setup", "--build", HAPAIR_BUILD_DIR},
            .env = {"HAPAIR_LAB=" + name_}};
  }

  /// Namespaces and directories of the demo's lab that are still there.
  [[nodiscard]] std::vector<std::string> leftovers() const {
    std::vector<std::string> out;
    for (const char* parent : {"/run", "/run/netns"}) {
      if (!std::filesystem::exists(parent)) continue;
      for (const auto& entry : std::filesystem::directory_iterator(parent)) {
        if (entry.path().filename().string().starts_with(name_ + "-")) out.push_back(entry.path());
      }
    }
    return out;
  }

  void TearDown() override {
    if (!IsSkipped())
      run_program({.argv = {kTools + "/lab/lab", "down"}, .env = {"HAPAIR_LAB=" + name_}}, 30s);
  }

  const std::string kTools = HAPAIR_SOURCE_DIR "/tools";
  const std::string name_ = fmt::format("hapair{}", ::getpid());
};

TEST_F(DemoTest, LosesNoSessionAndLeavesNothingBehind) {
  const Finished finished = run_program(demo(), 200s);
  EXPECT_EQ(finished.exit.code, 0) << finished.out << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("No session was lost."));
  for (const char* event :
       {"kill -9 lbcore", "kill -9 vrrpd", "handover", "loss of the node", "return of the node"}) {
    EXPECT_THAT(finished.out, ContainsRegex(std::string(event) + " +[0-9.]+ ms"))
        << "the summary's row";
  }
  EXPECT_THAT(finished.out, HasSubstr("1000 of 1000"));
  EXPECT_EQ(leftovers(), std::vector<std::string>{});
}

TEST_F(DemoTest, CleansUpWhenInterrupted) {
  Process running(demo());
  ASSERT_TRUE(running.wait_for_output("1. kill -9 lbcore", 90s));
  EXPECT_FALSE(leftovers().empty());
  running.signal(SIGINT);
  const auto exit = running.wait(20s);
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 130);
  EXPECT_EQ(leftovers(), std::vector<std::string>{});
}

TEST_F(DemoTest, RefusesASecondLabOfTheSameName) {
  Process running(demo());
  ASSERT_TRUE(running.wait_for_output("Steady traffic", 90s));
  const Finished second = run_program(demo(), 20s);
  EXPECT_EQ(second.exit.code, 1);
  EXPECT_THAT(second.err, HasSubstr("a lab is up already"));
  EXPECT_TRUE(running.running()) << "the first one goes on";
  EXPECT_FALSE(leftovers().empty());
}

}  // namespace
}  // namespace hapair::test
