// A returning node that preempts does so only with the other one's sessions and runtime changes
// (DESIGN invariant 5), and says what it waits for.
#include <string>

#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using PreemptInSync = RootTest;

TEST_F(PreemptInSync, AReturningNodeWaitsForTheTablesAndSaysSo) {
  PairLab lab({.preempt = true, .boot_hold = 0ms, .vrrp = "sync_wait = 10m\n"});
  lab.start("lb1");
  ASSERT_TRUE(lab.wait_active("lb1", 15s));
  lab.start("lb2");
  lab.kill_all("lb1");
  ASSERT_TRUE(lab.wait_active("lb2", 15s));
  ASSERT_TRUE(eventually(
      15s,
      [&] {
        return lab.pairadm("lb2", {"-e", "-t", "10.0.0.100:80", "-r", "10.0.1.11:8080", "-w", "7"})
            .ok();
      },
      "lb2 is Active in its own eyes"));

  lab.pair_link().set_forwarding(lab.node("lb1").inside, "eth2", false);
  lab.start("lb1");
  const auto status = [&] { return lab.pairadm("lb1", {"status"}).out; };
  ASSERT_TRUE(eventually(
      15s,
      [&] {
        return status().find(
                   "waits for the tables, at most 600.0 s, before it preempts 10.0.0.2") !=
               std::string::npos;
      },
      status));
  ASSERT_TRUE(holds_for(
      500ms, [&] { return lab.active_node() == "lb2"; }, "lb2 stays Active"));

  lab.pair_link().set_forwarding(lab.node("lb1").inside, "eth2", true);
  ASSERT_TRUE(lab.wait_active("lb1", 15s));
  EXPECT_EQ(lab.pairadm("lb1", {"diff"}).out, "server web/s1: weight 1 -> 7\n")
      << "it has what was changed meanwhile";
}

}  // namespace
}  // namespace hapair::test
