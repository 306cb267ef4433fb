// A handover without loss between the real four daemons.
#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/held_clients.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

/// The VIP, and the address from which the servers are asked: both move.
PairLab::Options with_floating_source() {
  PairLab::Options out;
  out.servers = 2;
  out.boot_hold = 0ms;
  out.vrrp = "group = all\n";
  out.pool += "source = 10.0.1.100\n";
  out.more =
      "\n[vrrp inside]\n"
      "interface = eth1\n"
      "vrid = 52\n"
      "group = all\n"
      "priority@lb1 = 150\n"
      "priority@lb2 = 100\n"
      "advert_interval = 100ms\n"
      "addresses = 10.0.1.100/24\n"
      "preempt = no\n"
      "boot_hold = 0ms\n";
  return out;
}

class PairHandover : public RootTest {
 protected:
  void build(const HeldClients::Options& clients) {
    lab_.emplace(with_floating_source());
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 15s));
    lab_->start("lb2");
    ASSERT_TRUE(eventually(
        20s, [&] { return ready(); }, [&] { return lab_->pairadm("lb1", {"status"}).out; }));
    held_.emplace(lab_->client(), clients);
    ASSERT_TRUE(held_->wait_all_served(15s));
  }
  /// What `pairadm handover` would ask for.
  bool ready() {
    const auto json =
        nlohmann::json::parse(lab_->pairadm("lb1", {"status", "--json"}).out, nullptr, false);
    return !json.is_discarded() && lab_->pairadm("lb2", {"status"}).exit.code == 0;
  }
  void expect_nothing_lost(const std::string& when) {
    held_->ask_now();
    EXPECT_TRUE(held_->wait_all_served(15s)) << when;
    const auto report = held_->report();
    EXPECT_EQ(report.lost, 0U) << when << ": " << testing::PrintToString(report.states);
  }
  Finished hand_over() {
    held_->mark();
    Finished done;
    (void)eventually(
        15s,
        [&] {
          done = lab_->pairadm("lb1", {"handover", "--json"});
          return done.exit.code != 1;  // the peer may not be in sync for a moment
        },
        [&] { return done.err; });
    return done;
  }
  std::optional<PairLab> lab_;
  std::optional<HeldClients> held_;
};

TEST_F(PairHandover, there_and_back_nobody_loses_a_connection) {
  if (IsSkipped()) return;
  build({.streams = 40, .dialogues = 60});
  for (const std::string to : {"lb2", "lb1", "lb2"}) {
    const Finished done = hand_over();
    ASSERT_EQ(done.exit.code, 0) << done.out << done.err;
    EXPECT_TRUE(lab_->wait_active(to, 5s));
    expect_nothing_lost("to " + to);
    if (to != "lb2") continue;
    const auto json = nlohmann::json::parse(done.out);
    EXPECT_EQ(json["connections"]["moved"], 100) << done.out;
    EXPECT_EQ(json["connections"]["cut"].size(), 0U) << done.out;
    RecordProperty("dark_ms", json["connections"]["dark_ms"].dump());
  }
}

TEST_F(PairHandover, the_peers_lbcore_stands_still_and_everything_is_taken_back) {
  if (IsSkipped()) return;
  build({.streams = 10, .dialogues = 20});
  ASSERT_EQ(::kill(lab_->node("lb2").lbcore->pid(), SIGSTOP), 0);
  const Finished done = hand_over();
  ::kill(lab_->node("lb2").lbcore->pid(), SIGCONT);
  EXPECT_NE(done.exit.code, 0) << done.out;
  EXPECT_EQ(lab_->active_node(), "lb1");
  expect_nothing_lost("lb2 stood still");
}

}  // namespace
}  // namespace hapair::test
