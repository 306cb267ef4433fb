// Replication between two real lbcores: what the peer has acknowledged survives the death of the
// Active, and every kind of interruption of the pair link heals by itself while clients are being
// served.
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/client_load.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr size_t kSessions = 1200;

class Replication : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.boot_hold = 0ms});
  }
  void start() {
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 15s));
    lab_->start("lb2");
    ASSERT_TRUE(wait_synced());
  }

  nlohmann::json sync_of(std::string_view node) {
    const auto shown = lab_->pairadm(node, {"status", "--json", "--wait", "500ms"});
    const auto view = nlohmann::json::parse(shown.out, nullptr, false);
    if (view.is_discarded()) return {};
    for (const auto& one : view.at("nodes")) {
      if (one.at("name") == node) return one.at("sync");
    }
    return {};
  }
  testing::AssertionResult wait_sync(std::string_view node, const std::string& field,
                                     const nlohmann::json& value) {
    return eventually(
        10s,
        [&] {
          const auto sync = sync_of(node);
          return sync.is_object() && sync.at(field) == value;
        },
        [&] { return field + " of " + sync_of(node).dump(); });
  }
  testing::AssertionResult wait_synced() {
    auto result = wait_sync("lb1", "state", "synced");
    return result ? wait_sync("lb2", "state", "synced") : result;
  }
  /// Nothing is on its way any more, and both hold the same.
  testing::AssertionResult wait_equal() {
    return eventually(
        10s,
        [&] {
          const auto one = sync_of("lb1");
          const auto two = sync_of("lb2");
          return one.is_object() && two.is_object() && one.at("lag_entries") == 0 &&
                 one.at("state") == "synced" && two.at("state") == "synced" &&
                 one.at("digest") == two.at("digest");
        },
        [&] { return sync_of("lb1").dump() + sync_of("lb2").dump(); });
  }

  [[nodiscard]] std::string key_path() const {
    const std::string& text = lab_->config();
    const std::string key_line = "key_file = ";
    const size_t at = text.find(key_line) + key_line.size();
    return text.substr(at, text.find('\n', at) - at);
  }

  std::optional<PairLab> lab_;
};

TEST_F(Replication, TheKilledActivesAcknowledgedSessionsAreAllOnThePeer) {
  start();
  ClientLoad load(lab_->client(), {.sessions = kSessions, .session_every = 1s});
  ASSERT_TRUE(load.wait_all(20s));
  ASSERT_TRUE(wait_equal());
  EXPECT_GE(sync_of("lb2").at("sessions").get<size_t>(), kSessions);
  load.mark();
  lab_->kill_all("lb1");
  ASSERT_TRUE(lab_->wait_active("lb2", 10s));
  ASSERT_TRUE(load.wait_all(20s));
  const auto report = load.report();
  EXPECT_EQ(report.kept, kSessions) << report.changed << " changed";

  // And the other way: what lb2 served meanwhile, and all the rest, is on lb1 when it is back.
  load.add_sessions(100);
  lab_->start("lb1");
  ASSERT_TRUE(wait_synced());
  ASSERT_TRUE(load.wait_all(20s));
  ASSERT_TRUE(wait_equal());
  load.mark();
  lab_->kill_all("lb2");
  ASSERT_TRUE(lab_->wait_active("lb1", 10s));
  ASSERT_TRUE(load.wait_all(20s));
  EXPECT_EQ(load.report().kept, kSessions + 100);
}

TEST_F(Replication, ACutPairLinkHealsAndNobodyIsRefusedMeanwhile) {
  start();
  ClientLoad load(lab_->client(), {.sessions = 200, .session_every = 500ms});
  ASSERT_TRUE(load.wait_all(20s));
  load.mark();
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", false);
  ASSERT_TRUE(wait_sync("lb1", "state", "disconnected"));
  EXPECT_EQ(sync_of("lb1").at("detail").get<std::string>().substr(0, 10), "silent for");
  load.add_sessions(200);
  ASSERT_TRUE(load.wait_all(20s));
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", true);
  ASSERT_TRUE(wait_equal());
  const auto report = load.report();
  EXPECT_EQ(report.failed, 0U);
  EXPECT_EQ(report.changed, 0U);
  EXPECT_GE(sync_of("lb2").at("sessions").get<size_t>(), 400U);
  EXPECT_EQ(sync_of("lb1").at("resyncs"), 0U) << "a new connection is no repair";
}

TEST_F(Replication, AHungPeerIsNoticedAndTakenUpAgain) {
  start();
  lab_->node("lb2").lbcore->signal(SIGSTOP);
  ASSERT_TRUE(wait_sync("lb1", "state", "disconnected"));
  ClientLoad load(lab_->client(), {.sessions = 100, .session_every = 500ms});
  ASSERT_TRUE(load.wait_all(20s));
  lab_->node("lb2").lbcore->signal(SIGCONT);
  ASSERT_TRUE(wait_equal());
  EXPECT_EQ(load.report().failed, 0U);
}

TEST_F(Replication, TablesAreTheSameAfterEveryTroubleOfTheLinkAndOfEitherNode) {
  start();
  ClientLoad load(lab_->client(), {.sessions = 300, .session_every = 300ms});
  ASSERT_TRUE(load.wait_all(20s));
  const auto more = [&](const char* when) {
    load.add_sessions(50);
    EXPECT_TRUE(load.wait_all(20s)) << when;
    EXPECT_TRUE(wait_equal()) << when;
  };
  auto& lb1 = lab_->node("lb1");
  auto& lb2 = lab_->node("lb2");
  more("at first");

  lab_->pair_link().set_forwarding(lb2.inside, "eth2", false);
  ASSERT_TRUE(wait_sync("lb2", "state", "disconnected"));
  load.add_sessions(50);
  lab_->pair_link().set_forwarding(lb2.inside, "eth2", true);
  more("after a cut");

  lb2.lbcore->signal(SIGSTOP);
  load.add_sessions(50);
  ASSERT_TRUE(wait_sync("lb1", "state", "disconnected"));
  lb2.lbcore->signal(SIGCONT);
  more("after the Backup stood still");

  lb2.lbcore->signal(SIGKILL);
  ASSERT_TRUE(wait_sync("lb1", "state", "disconnected"));
  lab_->start_lbcore("lb2");
  more("after a restart of the Backup");

  lb1.lbcore->signal(SIGKILL);
  ASSERT_TRUE(lab_->wait_active("lb2", 20s));
  lab_->start_lbcore("lb1");
  more("after a restart of the Active");
  EXPECT_GE(sync_of("lb1").at("sessions").get<size_t>(), 650U) << "nothing was lost on the way";
}

TEST_F(Replication, TablesAreTheSameAfterFailoversThereAndBack) {
  start();
  ClientLoad load(lab_->client(), {.sessions = 200, .session_every = 300ms});
  ASSERT_TRUE(load.wait_all(20s));
  const char* const wanted = std::getenv("HAPAIR_FAILOVERS");
  const int times = wanted == nullptr ? 4 : std::atoi(wanted);
  load.mark();
  for (int i = 0; i < times; ++i) {
    const std::string from = i % 2 == 0 ? "lb1" : "lb2";
    const std::string to = PairLab::other(from);
    // The peer must say that it is ready before it is asked.
    ASSERT_TRUE(eventually(20s, [&] { return lab_->pairadm(from, {"handover"}).ok(); })) << i;
    ASSERT_TRUE(lab_->wait_active(to, 20s)) << i;
    load.add_sessions(5);
    ASSERT_TRUE(load.wait_all(20s)) << i;
    ASSERT_TRUE(wait_equal()) << i;
  }
  EXPECT_EQ(load.report().changed, 0U);
}

TEST_F(Replication, ARotatedKeyEndsNoConnectionAndRefusesNobody) {
  start();
  const auto epoch = sync_of("lb1").at("resyncs");
  const std::string key = key_path();
  for (const char* step : {"add", "promote", "retire"}) {
    const auto done = lab_->pairadm("lb1", {"keygen", "--rotate", step, key});
    ASSERT_TRUE(done.ok()) << done.err;
    // Both nodes of the lab read one file: one after the other is what a copy would be.
    for (const char* name : {"lb1", "lb2"}) {
      auto& node = lab_->node(name);
      node.lbcore->signal(SIGHUP);
      node.vrrpd->signal(SIGHUP);
      ASSERT_TRUE(eventually(10s, [&] { return sync_of(name).at("state") == "synced"; }));
    }
    const std::string said = std::string(step) == "retire"
                                 ? "new key"
                                 : "new keys: the first is used, both are accepted";
    for (const char* name : {"lb1", "lb2"}) {
      EXPECT_TRUE(lab_->node(name).lbcore->wait_for_output("replication: " + said, 5s)) << step;
      EXPECT_TRUE(lab_->node(name).vrrpd->wait_for_output("pair path: " + said, 5s)) << step;
    }
  }
  for (const char* name : {"lb1", "lb2"}) {
    EXPECT_EQ(sync_of(name).at("refused"), 0U);
    EXPECT_EQ(sync_of(name).at("resyncs"), epoch);
    const std::string log = lab_->node(name).lbcore->err();
    EXPECT_EQ(log.find("synced -> "), std::string::npos) << "the link was dropped";
    EXPECT_EQ(lab_->node(name).vrrpd->err().find("refused a datagram"), std::string::npos);
  }
  EXPECT_EQ(lab_->active_node(), "lb1");
  // The new key opens a new connection as well.
  lab_->node("lb2").lbcore->signal(SIGKILL);
  ASSERT_TRUE(wait_sync("lb1", "state", "disconnected"));
  lab_->start_lbcore("lb2");
  EXPECT_TRUE(wait_synced());
}

TEST_F(Replication, AnotherKeyIsSaidOnBothNodesAndServiceGoesOn) {
  const std::string good = lab_->config();
  lab_->start("lb1");
  ASSERT_TRUE(lab_->wait_active("lb1", 15s));
  const std::string good_key = key_path();
  const size_t at = good.find(good_key);
  write_file(good_key + ".other", std::string(64, 'a'), 0600);
  lab_->write_config(good.substr(0, at) + good_key + ".other" + good.substr(at + good_key.size()));
  lab_->start("lb2");
  EXPECT_TRUE(wait_sync("lb1", "detail", "key does not match"));
  EXPECT_TRUE(wait_sync("lb2", "detail", "key does not match"));
  EXPECT_TRUE(eventually(10s, [&] {
    const auto shown = lab_->pairadm("lb1", {"status"});
    return shown.out.find("pair path of lb1: lb2: the key does not match") != std::string::npos;
  }));
  EXPECT_TRUE(lab_->node("lb1").lbcore->wait_for_output(
      "pair link: lb2 10.255.0.2:7400: key does not match", 5s));
  EXPECT_TRUE(lab_->node("lb2").lbcore->wait_for_output(
      "pair link: lb1 10.255.0.1:7400: key does not match", 5s));
  ClientLoad load(lab_->client(), {.sessions = 50, .session_every = 500ms});
  EXPECT_TRUE(load.wait_all(20s));
}

}  // namespace
}  // namespace hapair::test
