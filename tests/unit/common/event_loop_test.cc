#include "common/event_loop.h"

#include <csignal>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hapair {
namespace {

TEST(Deadline, FiresOnceAndNotBeforeItsTime) {
  EventLoop loop;
  std::vector<TimePoint> fired;
  Deadline deadline(loop, [&] {
    fired.push_back(Clock::now());
    loop.stop();
  });
  const TimePoint at = Clock::now() + 3ms;
  deadline.arm(at);
  EXPECT_TRUE(deadline.armed());
  loop.run();
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_GE(fired[0], at);
  EXPECT_FALSE(deadline.armed());
}

TEST(Deadline, InThePastFiresAtOnce) {
  EventLoop loop;
  Deadline deadline(loop, [&] { loop.stop(); });
  deadline.arm(TimePoint{});
  loop.run();
}

TEST(Deadline, RearmedOrDisarmedItForgetsTheOldTime) {
  EventLoop loop;
  int fired = 0;
  Deadline first(loop, [&] { ++fired; });
  Deadline last(loop, [&] { loop.stop(); });
  first.arm(Clock::now());
  first.arm(Clock::now() + 1h);
  last.arm(Clock::now() + 5ms);
  loop.run();
  EXPECT_EQ(fired, 0);
  first.arm(Clock::now());
  first.disarm();
  last.arm(Clock::now() + 5ms);
  loop.run();
  EXPECT_EQ(fired, 0);
}

TEST(EventLoop, DeferredTasksRunAfterTheCallbackEvenWhenNested) {
  EventLoop loop;
  std::vector<int> order;
  Deadline deadline(loop, [&] {
    loop.defer([&] {
      order.push_back(2);
      loop.defer([&] {
        order.push_back(3);
        loop.stop();
      });
    });
    order.push_back(1);
  });
  deadline.arm(TimePoint{});
  loop.run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(EventLoop, PostedTasksArriveInOrderFromAnotherThread) {
  EventLoop loop;
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  ASSERT_EQ(order.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(EventLoop, NowIsMonotonicAndFresh) {
  EventLoop loop;
  Deadline deadline(loop, [&] { loop.stop(); });
  const TimePoint at = Clock::now() + 2ms;
  deadline.arm(at);
  loop.run();
  EXPECT_GE(loop.now(), at);
  EXPECT_LE(loop.now(), Clock::now());
}

TEST(SignalWatcher, CallsBackOnTheLoop) {
  EventLoop loop;
  SignalWatcher watcher(loop, SIGUSR1, [&] { loop.stop(); });
  std::raise(SIGUSR1);
  loop.run();
}

TEST(Ticker, Repeats) {
  EventLoop loop;
  int ticks = 0;
  Ticker ticker(loop, 1ms, [&] {
    if (++ticks == 3) loop.stop();
  });
  loop.run();
  EXPECT_EQ(ticks, 3);
}

}  // namespace
}  // namespace hapair
