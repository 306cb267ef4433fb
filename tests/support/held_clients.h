// Clients whose connections last (tools/lab/long_connection.h), many of them on a thread of their
// own in the client's namespace: streams, and dialogues that ask now and then. What each of them
// noticed of what a test did to the pair meanwhile.
//
//   HeldClients held(lab.client(), {.streams = 100, .dialogues = 100});
//   ASSERT_TRUE(held.wait_all_served(10s));
//   held.mark();
//   lab.pairadm("lb1", {"handover", "--wait"});
//   EXPECT_TRUE(held.wait_all_served(10s));      // everybody got bytes since the mark
//   EXPECT_EQ(held.report().lost, 0U);
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/loop_thread.h"
#include "tests/support/namespace.h"
#include "tests/support/pair_lab.h"
#include "tools/lab/long_connection.h"

namespace hapair::test {

class HeldClients {
 public:
  struct Options {
    size_t streams = 100;
    size_t dialogues = 100;
    uint64_t bytes_per_s = 20'000;  // of each stream
    Duration stream_time = 60s;     // the whole of it
    Duration ask_every = 1s;        // of each dialogue, after an answer
    std::string source = "10.0.0.10";
    std::string target = std::string(PairLab::kVip) + ":80";
  };

  /// Connects at once, all of them.
  HeldClients(const Namespace& from, const Options& options);
  HeldClients(const HeldClients&) = delete;
  HeldClients& operator=(const HeldClients&) = delete;

  /// Waits, questions and answers are counted from here on.
  void mark();
  /// Every dialogue that still lives asks now.
  void ask_now();
  /// Until each that still lives has had bytes of an answer since the mark, or since the start.
  [[nodiscard]] ::testing::AssertionResult wait_all_served(Duration within);
  /// How many that still live have had none.
  [[nodiscard]] size_t unserved();
  /// Until none of them lives any more.
  [[nodiscard]] ::testing::AssertionResult wait_all_ended(Duration within);

  struct Report {
    size_t live = 0;                       // still connected, or ended as it should
    size_t lost = 0;                       // everything else
    std::map<std::string, size_t> states;  // all of them, by LongConnection::name
    uint64_t answers = 0;                  // of dialogues, since the start
    std::vector<Duration> stream_waits;    // sorted: the longest of each since the mark
    std::vector<Duration> dialogue_waits;  // the same
    std::vector<TimePoint> ended;          // sorted: when those that are lost were told
  };
  [[nodiscard]] Report report();

 private:
  struct Held {
    std::unique_ptr<lab::LongConnection> connection;
    uint64_t bytes_at_mark = 0;
    bool stream = false;
  };
  [[nodiscard]] size_t living();

  std::vector<Held> held_;
  LoopThread loop_;  // last: it works on what is above
};

/// The value that a share of all (0 to 1) does not exceed; of a sorted list that is not empty.
template <typename T>
T quantile(const std::vector<T>& sorted, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

}  // namespace hapair::test
