// Waiting without fixed sleeps: EXPECT_TRUE(eventually(2s, [&] { return lab.active_node() == "lb2";
// }, "lb2 Active")).
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <type_traits>

#include <gtest/gtest.h>

#include "common/clock.h"

namespace hapair::test {

/// Polls `predicate` (every 2 ms) until it holds or `within` has passed. `what` is shown on
/// failure: a text, or a function called at the end that describes what is there instead.
template <typename Predicate, typename What = const char*>
[[nodiscard]] ::testing::AssertionResult eventually(Duration within, Predicate&& predicate,
                                                    const What& what = "the condition") {
  const TimePoint deadline = Clock::now() + within;
  for (;;) {
    if (predicate()) return ::testing::AssertionSuccess();
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(2ms);
  }
  auto failure = ::testing::AssertionFailure() << "not within " << within / 1ms << " ms: ";
  if constexpr (std::is_invocable_v<const What&>) {
    failure << what();
  } else {
    failure << what;
  }
  return failure;
}

/// The opposite: `predicate` holds all the time for `how_long`.
template <typename Predicate, typename What = const char*>
[[nodiscard]] ::testing::AssertionResult holds_for(Duration how_long, Predicate&& predicate,
                                                   const What& what = "the condition") {
  const TimePoint begin = Clock::now();
  while (Clock::now() < begin + how_long) {
    if (!predicate()) {
      auto failure = ::testing::AssertionFailure()
                     << "no longer true after " << (Clock::now() - begin) / 1ms << " ms: ";
      if constexpr (std::is_invocable_v<const What&>) {
        failure << what();
      } else {
        failure << what;
      }
      return failure;
    }
    std::this_thread::sleep_for(2ms);
  }
  return ::testing::AssertionSuccess();
}

}  // namespace hapair::test
