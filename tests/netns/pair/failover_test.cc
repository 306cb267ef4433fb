// The whole pair under 1,000 sticky clients: whatever dies on the Active node, the other one serves
// within the detection time, two nodes never answer beyond one advertisement interval, and every
// session keeps its server. Afterwards the dead part comes back, the pair is in sync again and
// takes the same blow in the other direction.
#include <csignal>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/client_load.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

constexpr Duration kInterval = 100ms;
// What two busy cores may add: 1,000 clients, their servers and both nodes share them with the
// test.
constexpr Duration kSlack = 100ms;
constexpr size_t kSessions = 1000;

struct Blow {
  std::string name;
  std::function<void(PairLab&, const std::string& node)> strike;
  std::function<void(PairLab&, const std::string& node)>
      mend;            // what a supervisor or a person does afterwards
  Duration detection;  // before the other node's skew time
};

void PrintTo(const Blow& blow, std::ostream* out) {
  *out << blow.name;
}

void restart_lbcore(PairLab& lab, const std::string& node) {
  lab.start_lbcore(node);
}
void restart_vrrpd(PairLab& lab, const std::string& node) {
  lab.start_vrrpd(node);
}

void lose(PairLab& lab, const std::string& node) {
  lab.lose_node(node, PairLab::How::carrier);
}
void give_back(PairLab& lab, const std::string& node) {
  lab.return_node(node, PairLab::How::carrier);
}

const Blow kBlows[] = {
    {"KillLbcore",
     [](PairLab& lab, const std::string& node) { lab.node(node).lbcore->signal(SIGKILL); },
     restart_lbcore, 0ms},
    {"KillGuardian",
     [](PairLab& lab, const std::string& node) { lab.node(node).vrrpd->signal(SIGKILL); },
     restart_vrrpd, 0ms},
    {"HangLbcore",
     [](PairLab& lab, const std::string& node) { lab.node(node).lbcore->signal(SIGSTOP); },
     [](PairLab& lab, const std::string& node) { lab.node(node).lbcore->signal(SIGCONT); },
     500ms},  // the serving lease
    {"LoseNode", lose, give_back, 3 * kInterval},
    {"PowerCut",
     [](PairLab& lab, const std::string& node) {
       lab.lose_node(node, PairLab::How::carrier);
       lab.kill_all(node);
     },
     [](PairLab& lab, const std::string& node) {
       lab.node(node).inside.ip(
           fmt::format("address flush to {}", PairLab::kVip));  // memory of a dead box
       lab.return_node(node, PairLab::How::carrier);
       lab.start(node);
     },
     3 * kInterval},
};

/// A pair with lb1 Active, under load, well.
class LoadedPair : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    lab_.emplace(PairLab::Options{.advert_interval = kInterval, .boot_hold = 0ms});
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 10s));
    lab_->start("lb2");
    load_ =
        std::make_unique<ClientLoad>(lab_->client(), ClientLoad::Options{.sessions = kSessions});
    ASSERT_TRUE(load_->wait_all(20s));
    ASSERT_TRUE(wait_well());
    arp_ = lab_->watch_vip();
  }

  /// Both nodes find nothing wrong, say `synced` and hold the same number of sessions.
  ::testing::AssertionResult wait_well() {
    return eventually(
        20s,
        [&] {
          return sync("lb1") == sync("lb2") && sync("lb1").starts_with("synced ") &&
                 healthy("lb1") && healthy("lb2");
        },
        [&] {
          return lab_->pairadm("lb1", {"status"}).out + lab_->pairadm("lb2", {"status"}).out;
        });
  }
  bool healthy(const std::string& node) { return lab_->pairadm(node, {"status"}).ok(); }
  std::string sync(const std::string& node) {
    const Finished status = lab_->pairadm(node, {"status", "--json"});
    const auto json = nlohmann::json::parse(status.out, nullptr, false);
    if (json.is_discarded()) return status.err;
    for (const auto& entry : json.at("nodes")) {
      if (!entry.at("this_node").get<bool>() || entry.at("sync").is_null()) continue;
      return fmt::format("{} {}", entry.at("sync").at("state").get<std::string>(),
                         entry.at("sync").at("sessions").get<uint64_t>());
    }
    return "no status";
  }

  std::optional<PairLab> lab_;
  std::unique_ptr<ClientLoad> load_;
  std::unique_ptr<ArpProber> arp_;
};

class PairFailover : public LoadedPair, public ::testing::WithParamInterface<Blow> {
 protected:
  void strike(const std::string& victim) {
    const std::string survivor = PairLab::other(victim);
    const uint8_t priority = survivor == "lb1" ? 150 : 100;
    const Duration bound = GetParam().detection + vrrp::skew_time(priority, kInterval);
    load_->mark();
    const TimePoint begin = Clock::now();
    GetParam().strike(*lab_, victim);
    EXPECT_TRUE(lab_->wait_active(survivor, 5s));
    ASSERT_TRUE(load_->wait_all(15s));
    const auto report = load_->report();
    const Duration dual = arp_->log().dual_window(begin);
    const std::string figures = fmt::format(
        "{} on {}: outage {} ms (bound {}), {} failed of {}, kept {} of {}, both answered for {} "
        "ms",
        GetParam().name, victim, report.outage / 1ms, bound / 1ms, report.failed, report.requests,
        report.kept, report.sessions, dual / 1ms);
    fmt::print("{}\n", figures);
    EXPECT_LE(report.outage, bound + kSlack) << figures;
    EXPECT_EQ(report.kept, kSessions) << figures;
    EXPECT_EQ(report.changed, 0U) << figures;
    EXPECT_LE(dual, kInterval) << figures;
    GetParam().mend(*lab_, victim);
    ASSERT_TRUE(wait_well());
    EXPECT_EQ(lab_->active_node(), survivor)
        << "a returning node does not take over (preempt = no)";
    EXPECT_LE(arp_->log().dual_window(begin), kInterval) << figures;
  }
};

TEST_P(PairFailover, KeepsEverySessionThereAndBack) {
  strike("lb1");
  if (!HasFatalFailure()) strike("lb2");
}

INSTANTIATE_TEST_SUITE_P(Blows, PairFailover, ::testing::ValuesIn(kBlows),
                         [](const auto& instance) { return instance.param.name; });

using KilledSpeaker = LoadedPair;

// Another speaker goes on: nothing moves, nothing is lost.
TEST_F(KilledSpeaker, IsNoticedByNobody) {
  load_->mark();
  const TimePoint begin = Clock::now();
  for (const pid_t child : lab_->node("lb1").vrrpd->children()) ::kill(child, SIGKILL);
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("the next speaker is in place", 5s));
  EXPECT_TRUE(holds_for(
      1s, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
  ASSERT_TRUE(load_->wait_all(15s));
  const auto report = load_->report();
  EXPECT_EQ(report.failed, 0U);
  EXPECT_EQ(report.kept, kSessions);
  EXPECT_EQ(report.changed, 0U);
  EXPECT_EQ(arp_->log().dual_window(begin), Duration::zero());
  EXPECT_TRUE(wait_well());
}

using UpgradedPair = LoadedPair;

// A new lbcore on the Backup, then on the Active: nothing moves, nothing is lost, and the two new
// processes are as good a pair as the old ones.
TEST_F(UpgradedPair, IsNoticedByNobody) {
  const auto lbcore_of = [&](const std::string& node) {
    return static_cast<pid_t>(std::stol(read_file(lab_->node(node).run_dir + "/lbcore.lock")));
  };
  for (const std::string node : {"lb2", "lb1"}) {
    load_->mark();
    const TimePoint begin = Clock::now();
    const Finished done = lab_->pairadm(node, {"upgrade"});
    ASSERT_TRUE(done.ok()) << done.err;
    EXPECT_NE(lbcore_of(node), lab_->node(node).lbcore->pid());
    ASSERT_TRUE(load_->wait_all(15s));
    const auto report = load_->report();
    const std::string figures = fmt::format(
        "upgrade of {}: outage {} ms, {} failed of {}, kept {} of {}", node, report.outage / 1ms,
        report.failed, report.requests, report.kept, report.sessions);
    fmt::print("{}\n", figures);
    EXPECT_EQ(report.failed, 0U) << figures;
    EXPECT_EQ(report.kept, kSessions) << figures;
    EXPECT_EQ(report.changed, 0U) << figures;
    ASSERT_TRUE(wait_well());
    EXPECT_EQ(lab_->active_node(), "lb1");
    EXPECT_EQ(arp_->log().dual_window(begin), Duration::zero());
  }
  load_->mark();
  ASSERT_EQ(::kill(lbcore_of("lb1"), SIGKILL), 0);
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
  ASSERT_TRUE(load_->wait_all(15s));
  EXPECT_EQ(load_->report().kept, kSessions);
}

using SplitPair = LoadedPair;

// The switch forgets lb1: both nodes are Active, each alone. Clients see lb2 only, and new ones
// arrive there. When the nodes hear each other again, lb1 wins by its priority (RFC 9568
// section 6.4.3) although its tables are behind: until the pair link is back and its checks have
// seen the servers again, sessions may move. That is counted and printed, not promised; what is
// promised is that two nodes do not both answer for long and that both agree in the end.
TEST_F(SplitPair, HealsWithoutTwoAnsweringForLong) {
  lab_->lose_node("lb1", PairLab::How::silent);
  ASSERT_TRUE(eventually(
      5s, [&] { return lab_->holders().size() == 2; }, "both are Active"));
  ASSERT_TRUE(load_->wait_served(5s));
  load_->add_sessions(200);
  load_->mark();
  ASSERT_TRUE(load_->wait_all(15s));
  EXPECT_EQ(load_->report().changed, 0U);

  load_->mark();
  const TimePoint healed = Clock::now();
  lab_->return_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(lab_->wait_active("", 5s));
  ASSERT_TRUE(load_->wait_all(15s));
  const auto report = load_->report();
  const Duration dual = arp_->log().dual_window(healed);
  const std::string figures = fmt::format(
      "split brain heals: Active {}, outage {} ms, {} failed of {}, kept {} of {}, both answered "
      "for {} ms",
      lab_->active_node(), report.outage / 1ms, report.failed, report.requests, report.kept,
      report.sessions, dual / 1ms);
  fmt::print("{}\n", figures);
  EXPECT_LE(dual, kInterval) << figures;
  EXPECT_TRUE(wait_well());
}

}  // namespace
}  // namespace hapair::test
