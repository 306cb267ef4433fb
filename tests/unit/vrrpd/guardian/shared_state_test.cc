// What a speaker leaves behind, read by others, whenever and however it dies.
#include "vrrpd/guardian/shared_state.h"

#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hapair::vrrp {
namespace {

TEST(SharedState, is_empty_at_first) {
  const SharedState state;
  EXPECT_FALSE(state.snapshot());
  EXPECT_FALSE(state.config());
  EXPECT_EQ(state.board().epoch, 0U);
  EXPECT_EQ(state.board().alive.get(), TimePoint{});
}

TEST(SharedState, the_last_snapshot_counts) {
  SharedState state;
  ASSERT_TRUE(state.publish("one"));
  EXPECT_EQ(state.snapshot(), "one");
  ASSERT_TRUE(state.publish("two"));
  ASSERT_TRUE(state.publish("three, longer"));
  EXPECT_EQ(state.snapshot(), "three, longer");
  ASSERT_TRUE(state.publish(""));
  EXPECT_EQ(state.snapshot(), "");
}

TEST(SharedState, one_that_does_not_fit_changes_nothing) {
  SharedState state;
  ASSERT_TRUE(state.publish("small"));
  EXPECT_FALSE(state.publish(std::string(kSnapshotBytes + 1, 'x')));
  EXPECT_EQ(state.snapshot(), "small");
  ASSERT_TRUE(state.publish(std::string(kSnapshotBytes, 'x')));
  EXPECT_EQ(state.snapshot()->size(), kSnapshotBytes);
}

TEST(SharedState, the_text_of_the_configuration_counts_in_its_last_version) {
  SharedState state;
  ASSERT_TRUE(state.keep_config("a long first version"));
  ASSERT_TRUE(state.keep_config("a second one"));
  ASSERT_TRUE(state.keep_config("third"));
  EXPECT_EQ(state.config(), "third");
}

TEST(SharedState, a_child_writes_and_the_parent_reads) {
  SharedState state;
  const pid_t pid = ::fork();
  if (pid == 0) {
    state.board().epoch = 7;
    state.board().alive.set(TimePoint(5s));
    state.board().cells[3].last_sent.set(TimePoint(4s));
    ::_exit(state.publish("from the child") ? 0 : 1);
  }
  ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(state.board().epoch, 7U);
  EXPECT_EQ(state.board().alive.get(), TimePoint(5s));
  EXPECT_EQ(state.board().cells[3].last_sent.get(), TimePoint(4s));
  EXPECT_EQ(state.snapshot(), "from the child");
}

// Killed at whatever instruction, it leaves a whole snapshot: the last one, or the one before.
TEST(SharedState, a_writer_killed_while_writing_leaves_a_whole_one) {
  SharedState state;
  ASSERT_TRUE(state.publish(std::string(200'000, 'a')));
  for (int round = 0; round < 30; ++round) {
    const uint64_t before = state.published();
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (char c = 'b';; c = c == 'z' ? 'b' : static_cast<char>(c + 1)) {
        if (!state.publish(std::string(200'000, c))) ::_exit(1);
      }
    }
    while (state.published() < before + 3) ::usleep(100);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const auto left = state.snapshot();
    ASSERT_TRUE(left) << "round " << round;
    ASSERT_EQ(left->size(), 200'000U);
    EXPECT_EQ(left->find_first_not_of(left->front()), std::string::npos);
  }
}

}  // namespace
}  // namespace hapair::vrrp
