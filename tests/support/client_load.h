// The lab's clients (tools/lab/clients.h) for a test: many sticky sessions with a steady pace and a
// prober, on a thread of their own in the client's namespace. Mark a moment, do something to the
// pair, wait until all sessions were answered again, read the report.
//
//   ClientLoad load(lab.client(), {.sessions = 1000});
//   ASSERT_TRUE(load.wait_all(15s));     // every session has a server
//   load.mark();
//   lab.node(active).lbcore->signal(SIGKILL);
//   ASSERT_TRUE(load.wait_all(15s));
//   EXPECT_EQ(load.report().kept, 1000U);
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "tests/support/loop_thread.h"
#include "tests/support/namespace.h"
#include "tests/support/pair_lab.h"
#include "tools/lab/clients.h"

namespace hapair::test {

class ClientLoad {
 public:
  struct Options {
    size_t sessions = 1000;
    Duration session_every = 2s;
    Duration session_deadline = 3s;
    Duration probe_every = 2ms;
    Duration probe_deadline = 50ms;
    std::string target = std::string(PairLab::kVip) + ":80";
  };

  /// Begins at once.
  ClientLoad(const Namespace& from, const Options& options);
  ClientLoad(const ClientLoad&) = delete;
  ClientLoad& operator=(const ClientLoad&) = delete;

  void mark();
  [[nodiscard]] lab::ClientLog::Report report();
  void add_sessions(size_t count);
  /// Until every session has been answered since the mark, or since the start.
  [[nodiscard]] ::testing::AssertionResult wait_all(Duration within);
  /// Until a probe is answered from now on.
  [[nodiscard]] ::testing::AssertionResult wait_served(Duration within);

 private:
  std::unique_ptr<lab::Clients> clients_;
  LoopThread loop_;  // last: it works on what is above
};

}  // namespace hapair::test
