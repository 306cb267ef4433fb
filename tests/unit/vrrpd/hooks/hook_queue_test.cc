#include "vrrpd/hooks/hook_queue.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using Outcome = HookQueue::Outcome;

Hook hook(const std::string& router, HookKind kind, uint64_t number = 0) {
  return {.router = router,
          .kind = kind,
          .number = number,
          .program = "/bin/true",
          .environment = {},
          .timeout = 30s};
}

TEST(HookQueue, runs_one_at_a_time_in_order) {
  HookQueue queue;
  EXPECT_EQ(queue.add(hook("a", HookKind::active)).outcome, Outcome::waits);
  EXPECT_EQ(queue.add(hook("b", HookKind::backup)).outcome, Outcome::waits);
  EXPECT_EQ(queue.next()->router, "a");
  EXPECT_EQ(queue.next(), std::nullopt) << "one at a time";
  queue.finished();
  EXPECT_EQ(queue.next()->router, "b");
  queue.finished();
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(HookQueue, a_newer_state_supersedes_the_one_that_waits) {
  HookQueue queue;
  (void)queue.add(hook("a", HookKind::backup, 1));
  (void)queue.next();
  (void)queue.add(hook("a", HookKind::active, 2));
  const auto added = queue.add(hook("a", HookKind::fault, 3));
  ASSERT_TRUE(added.superseded);
  EXPECT_EQ(added.superseded->number, 2U);
  queue.finished();
  EXPECT_EQ(queue.next()->number, 3U);
}

TEST(HookQueue, back_in_the_state_whose_hook_runs_nothing_is_left_to_do) {
  HookQueue queue;
  (void)queue.add(hook("a", HookKind::active, 1));
  (void)queue.next();
  (void)queue.add(hook("a", HookKind::backup, 2));
  const auto added = queue.add(hook("a", HookKind::active, 3));
  EXPECT_EQ(added.outcome, Outcome::unchanged);
  EXPECT_EQ(added.superseded->number, 2U);
  queue.finished();
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(HookQueue, a_new_speaker_that_tells_what_is_known_changes_nothing) {
  HookQueue queue;
  (void)queue.add(hook("a", HookKind::active, 7));
  (void)queue.next();
  queue.finished();
  EXPECT_EQ(queue.add(hook("a", HookKind::active, 1)).outcome, Outcome::unchanged);
  EXPECT_EQ(queue.waiting(), 0U);
}

TEST(HookQueue, said_twice_while_it_waits_it_runs_once) {
  HookQueue queue;
  (void)queue.add(hook("b", HookKind::active));
  (void)queue.next();
  (void)queue.add(hook("a", HookKind::active, 1));
  EXPECT_EQ(queue.add(hook("a", HookKind::active, 2)).outcome, Outcome::unchanged);
  EXPECT_EQ(queue.waiting(), 1U);
}

TEST(HookQueue, routers_do_not_supersede_each_other) {
  HookQueue queue;
  (void)queue.add(hook("a", HookKind::active));
  EXPECT_FALSE(queue.add(hook("b", HookKind::backup)).superseded);
  EXPECT_EQ(queue.waiting(), 2U);
}

TEST(HookQueue, at_the_end_only_stop_hooks_are_left) {
  HookQueue queue;
  (void)queue.add(hook("a", HookKind::backup));
  (void)queue.add(hook("b", HookKind::stop));
  Hook without_program = hook("c", HookKind::stop);
  without_program.program.clear();
  (void)queue.add(without_program);
  EXPECT_EQ(queue.keep_only_stops().size(), 2U);
  EXPECT_EQ(queue.next()->router, "b");
}

TEST(HookQueue, has_a_bound) {
  HookQueue queue;
  for (size_t i = 0; i < HookQueue::kMostRouters; ++i) {
    ASSERT_EQ(queue.add(hook(std::to_string(i), HookKind::active)).outcome, Outcome::waits);
  }
  EXPECT_EQ(queue.add(hook("one more", HookKind::active)).outcome, Outcome::full);
}

/// However states and ends interleave: the last hook that ran is the last state.
TEST(HookQueue, the_last_hook_is_the_last_state) {
  for (unsigned story = 0; story < 4096; ++story) {
    HookQueue queue;
    std::optional<HookKind> last_run;
    HookKind last_state = HookKind::fault;
    unsigned bits = story;
    for (int step = 0; step < 6; ++step, bits >>= 2) {
      last_state = static_cast<HookKind>(bits & 3U) == HookKind::stop
                       ? HookKind::fault
                       : static_cast<HookKind>(bits & 3U);
      (void)queue.add(hook("a", last_state));
      if (step % 2 == 1) queue.finished();
      if (const auto next = queue.next()) last_run = next->kind;
    }
    while (queue.waiting() > 0) {
      queue.finished();
      if (const auto next = queue.next()) last_run = next->kind;
    }
    ASSERT_EQ(last_run, last_state) << "story " << story;
  }
}

}  // namespace
}  // namespace hapair::vrrp
