#include "lbcore/relay/socket_loop.h"

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace hapair::lbcore::relay {
namespace {

using Watch = SocketLoop::Watch;

/// A watched socket, and the end that the test speaks through.
struct Line {
  explicit Line(SocketLoop& loop) : watch(loop) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    outer = UniqueFd(fds[0]);
    inner = UniqueFd(fds[1]);
    watch.set<&Line::on_event>(this);
  }
  void on_event(uint32_t events) {
    ++calls;
    last = events;
    if (then) then();
  }
  void say(const std::string& text) const {
    ASSERT_EQ(::send(outer.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  UniqueFd outer;
  UniqueFd inner;
  Watch watch;
  int calls = 0;
  uint32_t last = 0;
  std::function<void()> then;
};

class SocketLoopTest : public ::testing::Test {
 protected:
  /// As many turns as it takes to come to a task that is posted now.
  void turn() {
    loop.post([this] { loop.stop(); });
    loop.run();
  }

  SocketLoop loop;
};

TEST_F(SocketLoopTest, AnEdgeIsToldOnceAndAgainOnRequest) {
  Line line(loop);
  line.watch.start(line.inner.get(), Watch::kStream);
  line.say("unread");
  turn();
  turn();
  EXPECT_EQ(line.calls, 1);
  line.watch.repeat();
  turn();
  EXPECT_EQ(line.calls, 2);
  line.say("more");
  turn();
  EXPECT_EQ(line.calls, 3);
}

TEST_F(SocketLoopTest, ALevelIsToldUntilItIsRead) {
  Line line(loop);
  line.watch.start(line.inner.get(), Watch::kRead);
  line.say("unread");
  turn();
  turn();
  EXPECT_GE(line.calls, 2);
}

TEST_F(SocketLoopTest, TheEndOfAStreamIsToldWithItsLastBytes) {
  Line line(loop);
  line.watch.start(line.inner.get(), Watch::kStream);
  line.say("last words");
  ::shutdown(line.outer.get(), SHUT_WR);
  turn();
  EXPECT_NE(line.last & Watch::kRead, 0U);
  EXPECT_NE(line.last & Watch::kMore, 0U);
}

TEST_F(SocketLoopTest, WhatWasFetchedForAWatchThatEndsMeanwhileFindsNobody) {
  Line one(loop);
  Line two(loop);
  for (Line* each : {&one, &two}) each->watch.start(each->inner.get(), Watch::kStream);
  // Both are in one batch; whoever is first ends the other.
  one.then = [&] { two.watch.forget(); };
  two.then = [&] { one.watch.forget(); };
  one.say("x");
  two.say("x");
  turn();
  EXPECT_EQ(one.calls + two.calls, 1);
}

TEST_F(SocketLoopTest, AnEventIsNotForTheNextOwnerOfItsDescriptor) {
  Line one(loop);
  Line two(loop);
  std::optional<Line> next;
  const auto replace = [&](Line& line) {
    const int number = line.inner.get();
    line.watch.forget();
    line.inner.reset();
    next.emplace(loop);  // gets the lowest number that is free
    EXPECT_TRUE(next->inner.get() == number || next->outer.get() == number);
    if (next->outer.get() == number) std::swap(next->outer, next->inner);
    next->watch.start(number, Watch::kStream);
  };
  for (Line* each : {&one, &two}) each->watch.start(each->inner.get(), Watch::kStream);
  one.then = [&] { replace(two); };
  two.then = [&] { replace(one); };
  one.say("x");
  two.say("x");
  turn();
  EXPECT_EQ(one.calls + two.calls, 1);
  EXPECT_EQ(next->calls, 0);
  next->say("x");
  turn();
  EXPECT_EQ(next->calls, 1);
}

TEST_F(SocketLoopTest, StopLeavesTheSocketOpenAndSilent) {
  Line line(loop);
  line.watch.start(line.inner.get(), Watch::kRead);
  line.watch.stop();
  EXPECT_EQ(line.watch.events(), 0U);
  line.say("x");
  turn();
  EXPECT_EQ(line.calls, 0);
  line.watch.start(line.inner.get(), Watch::kRead);
  turn();
  EXPECT_GE(line.calls, 1);
}

TEST_F(SocketLoopTest, TasksOfOtherThreadsRunInTheirOrder) {
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([this] { loop.stop(); });
  });
  loop.run();
  other.join();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(SocketLoopTest, WhatIsDeferredRunsBeforeTheTurnEnds) {
  std::string order;
  loop.set_turn_end([&] { order += "E"; });
  loop.post([&] {
    loop.defer([&] {
      order += "a";
      loop.defer([&] { order += "b"; });
    });
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(order, "abE");
}

TEST_F(SocketLoopTest, TheTimerComesNotEarlyAndOnceForEachTimeItIsSet) {
  const TimePoint at = Clock::now() + 20ms;
  std::vector<TimePoint> came;
  loop.set_timer([&] {
    came.push_back(loop.now());
    if (came.size() == 1) {
      loop.wake_at(TimePoint{});  // in the past: at once
    } else {
      loop.stop();
    }
  });
  loop.wake_at(at);
  loop.run();
  ASSERT_EQ(came.size(), 2U);
  EXPECT_GE(came[0], at);
}

}  // namespace
}  // namespace hapair::lbcore::relay
