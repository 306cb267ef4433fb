// What pairadm changes belongs to the pair: made by the Active, wherever it was asked for, on both
// nodes, and there after everything that may happen to either of them.
#include <algorithm>
#include <csignal>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/files.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr const char* kUrl = "http://10.0.0.100:8000";
constexpr const char* kAdded =
    "pool tcp-10.0.0.100:8000: added with 1 servers\n";  // as diff has it, among others

class RuntimePair : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(
        PairLab::Options{.boot_hold = 0ms, .lbcore = "workers = 2\nrestore = " + table() + "\n"});
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 15s));
    lab_->start("lb2");
    ASSERT_TRUE(wait_synced());
  }

  Finished on(std::string_view node, const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return lab_->pairadm(node, words);
  }
  void does(std::string_view node, const std::string& line) {
    const Finished done = on(node, line);
    EXPECT_EQ(done.exit.code, 0) << node << ": " << line << ": " << done.err;
  }
  void kill_lbcore(std::string_view node) {
    Process& lbcore = *lab_->node(node).lbcore;
    lbcore.signal(SIGKILL);
    lbcore.wait(5s);
  }
  std::string diff(std::string_view node) { return on(node, "diff").out; }
  testing::AssertionResult wait_diff(std::string_view node, const std::string& wanted) {
    return eventually(
        15s, [&] { return diff(node) == wanted; },
        [&] { return std::string(node) + " has:\n" + diff(node) + "not:\n" + wanted; });
  }

  std::string sync_state(std::string_view node) {
    const auto view = nlohmann::json::parse(on(node, "status --json").out, nullptr, false);
    if (view.is_discarded()) return {};
    for (const auto& one : view.at("nodes")) {
      if (one.at("name") == node && one.at("sync").is_object())
        return one.at("sync").at("state").get<std::string>();
    }
    return {};
  }
  testing::AssertionResult wait_synced() {
    return eventually(
        15s, [&] { return sync_state("lb1") == "synced" && sync_state("lb2") == "synced"; },
        [&] { return sync_state("lb1") + ", " + sync_state("lb2"); });
  }
  testing::AssertionResult wait_served() {
    return eventually(
        10s,
        [&] {
          return lab_->client().try_exec({"curl", "-s", "-f", "--max-time", "1", kUrl}).ok();
        },
        "the added service serves");
  }

  [[nodiscard]] std::string table() const { return dir_ / "table"; }

  TempDir dir_;
  std::optional<PairLab> lab_;
};

TEST_F(RuntimePair, AChangeOnEitherNodeIsMadeByTheActiveAndIsOnBoth) {
  EXPECT_EQ(on("lb2", "diff").exit.code, 0);
  does("lb2", "-A -t 10.0.0.100:8000 -s rr");
  does("lb2", "-a -t 10.0.0.100:8000 -r 10.0.1.11:8080");
  const std::string listed = on("lb2", "-Ln -t 10.0.0.100:8000").out;
  EXPECT_NE(listed.find("-> 10.0.1.11:8080"), std::string::npos) << "there when it was told";
  ASSERT_TRUE(wait_served());
  does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 4");
  does("lb2", "drain web s3");

  const Finished mine = on("lb1", "diff");
  EXPECT_EQ(mine.exit.code, 1);
  EXPECT_EQ(mine.out,
            "service tcp-10.0.0.100:8000: added on tcp 10.0.0.100:8000, pool "
            "tcp-10.0.0.100:8000\n"
            "server web/s2: weight 1 -> 4\n"
            "server web/s3: enabled -> drain\n" +
                std::string(kAdded));
  ASSERT_TRUE(wait_diff("lb2", mine.out));
  const auto json = nlohmann::json::parse(on("lb2", "diff --json").out);
  EXPECT_EQ(json.at("differences").at(1).at("thing"), "server web/s2");
  EXPECT_EQ(json.at("differences").at(1).at("change"), "weight 1 -> 4");

  const Finished again = on("lb2", "-A -t 10.0.0.100:8000");
  EXPECT_EQ(again.exit.code, 255);
  EXPECT_EQ(again.err,
            "pairadm: Service already exists: TCP 10.0.0.100:8000 (tcp-10.0.0.100:8000)\n");
  EXPECT_EQ(on("lb2", "-A -t 10.0.0.100:8001 -s frob").exit.code, 2);
  EXPECT_TRUE(lab_->node("lb1").lbcore->wait_for_output("by uid 0 of lb2", 5s));
}

TEST_F(RuntimePair, ChangesOutliveFailoverReloadAndTheRestartOfEitherNode) {
  does("lb1", "-A -t 10.0.0.100:8000 -s rr");
  does("lb1", "-a -t 10.0.0.100:8000 -r 10.0.1.11:8080");
  does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 4");
  const std::string changed = diff("lb1");
  ASSERT_TRUE(wait_diff("lb2", changed));

  lab_->kill_all("lb1");
  ASSERT_TRUE(lab_->wait_active("lb2", 15s));
  ASSERT_TRUE(wait_served());
  EXPECT_EQ(diff("lb2"), changed);
  does("lb2", "-e -t 10.0.0.100:80 -r 10.0.1.13:8080 -w 7");
  const std::string more = diff("lb2");
  lab_->start("lb1");
  ASSERT_TRUE(wait_diff("lb1", more)) << "back after a restart, with what was changed meanwhile";
  ASSERT_TRUE(wait_synced());

  // What the file says anew wins; the rest stays.
  std::string config = lab_->config();
  const std::string server = "address = 10.0.1.12:8080\n";
  config.insert(config.find(server) + server.size(), "weight = 2\n");
  lab_->write_config(config);
  for (const char* node : {"lb2", "lb1"}) lab_->node(node).lbcore->signal(SIGHUP);
  std::string kept = more;
  const std::string line = "server web/s2: weight 1 -> 4\n";
  kept.erase(kept.find(line), line.size());
  ASSERT_TRUE(wait_diff("lb2", kept));
  ASSERT_TRUE(wait_diff("lb1", kept));

  lab_->kill_all("lb2");
  ASSERT_TRUE(lab_->wait_active("lb1", 15s));
  ASSERT_TRUE(wait_served());
  EXPECT_EQ(diff("lb1"), kept);
}

TEST_F(RuntimePair, WhenBothRestartTheSavedTableCountsAndElseTheLivingPeer) {
  does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 4");
  write_file(table(), on("lb1", "-S").out);
  for (const char* node : {"lb1", "lb2"}) kill_lbcore(node);
  lab_->start_lbcore("lb1");
  ASSERT_TRUE(lab_->wait_active("lb1", 15s));
  ASSERT_TRUE(wait_diff("lb1", "server web/s2: weight 1 -> 4\n"));
  lab_->start_lbcore("lb2");
  ASSERT_TRUE(wait_synced());
  EXPECT_EQ(diff("lb2"), "server web/s2: weight 1 -> 4\n");

  does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 1");
  kill_lbcore("lb2");
  lab_->start_lbcore("lb2");
  ASSERT_TRUE(wait_synced());
  EXPECT_EQ(diff("lb2"), "") << "the table is older than what the peer knows";
}

TEST_F(RuntimePair, ABackupThatCannotAskTheActiveRefuses) {
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", false);
  ASSERT_TRUE(eventually(
      15s,
      [&] {
        const Finished asked = on("lb2", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 4");
        return asked.exit.code == 255 &&
               asked.err.find(
                   "this node is Backup, and lb1, which may be Active, cannot be "
                   "asked") != std::string::npos;
      },
      "refused"));
  does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 5");
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", true);
  ASSERT_TRUE(wait_diff("lb2", "server web/s2: weight 1 -> 5\n"));
}

TEST_F(RuntimePair, AfterASplitBothNodesHaveTheChangesOfBoth) {
  for (const bool together : {false, true}) {
    auto& lb2 = lab_->node("lb2").inside;
    lab_->lan().set_forwarding(lb2, "eth0", together);
    lab_->pair_link().set_forwarding(lb2, "eth2", together);
    if (together) break;
    ASSERT_TRUE(eventually(
        15s, [&] { return lab_->holders().size() == 2; }, "both are Active"));
    ASSERT_TRUE(eventually(
        15s,
        [&] { return sync_state("lb1") == "disconnected" && sync_state("lb2") == "disconnected"; },
        "the pair link is gone"));
    does("lb2", "-e -t 10.0.0.100:80 -r 10.0.1.11:8080 -w 2");
    does("lb2", "-e -t 10.0.0.100:80 -r 10.0.1.11:8080 -w 3");
    does("lb2", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 20");
    does("lb2", "drain web s3");
    does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.11:8080 -w 9");
    does("lb1", "-e -t 10.0.0.100:80 -r 10.0.1.12:8080 -w 10");
    does("lb1", "-A -t 10.0.0.100:8000 -s rr");
  }
  ASSERT_TRUE(wait_synced());
  ASSERT_TRUE(eventually(
      15s, [&] { return diff("lb1") == diff("lb2") && !lab_->active_node().empty(); },
      [&] { return diff("lb1") + diff("lb2"); }));
  const std::string merged = diff("lb1");
  EXPECT_NE(merged.find("server web/s1: weight 1 -> 3\n"), std::string::npos) << merged;
  EXPECT_NE(merged.find("server web/s3: enabled -> drain\n"), std::string::npos) << merged;
  EXPECT_NE(merged.find("service tcp-10.0.0.100:8000: added"), std::string::npos) << merged;
  EXPECT_NE(merged.find("server web/s2: weight 1 -> "), std::string::npos) << merged;
}

std::string with_weight_two(std::string config) {
  const std::string server = "address = 10.0.1.12:8080\n";
  return config.insert(config.find(server) + server.size(), "weight = 2\n");
}

TEST_F(RuntimePair, APushedFileIsThePeersAndBothNodesSayWhileTheyDiffer) {
  const TempDir dir;
  const std::string file = dir / "next.conf";
  const std::string before = lab_->config();
  write_file(file, with_weight_two(before));
  // Both nodes of the lab read one file; this one goes on with what it has read.
  const Finished pushed = on("lb1", "push-config " + file);
  EXPECT_EQ(pushed.exit.code, 0) << pushed.err;
  const std::string& path = lab_->config_path();
  EXPECT_EQ(pushed.out,
            "lb2: " + path + " is this file now, and taken; the old one is " + path + ".old\n");
  EXPECT_EQ(read_file(path), with_weight_two(before));
  EXPECT_EQ(read_file(path + ".old"), before);
  EXPECT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("config: reloaded", 5s));
  const auto weight = [&](std::string_view node) {
    const auto list = nlohmann::json::parse(on(node, "-L --json -t 10.0.0.100:80").out);
    return list.at("services").at(0).at("servers").at(1).at("weight").get<int>();
  };
  EXPECT_EQ(weight("lb2"), 2);
  EXPECT_EQ(weight("lb1"), 1);
  const auto says_so = [&](std::string_view node) {
    return on(node, "status").out.find("the configuration files of") != std::string::npos;
  };
  ASSERT_TRUE(eventually(
      10s, [&] { return says_so("lb1") && says_so("lb2"); }, "both say that the files differ"));
  EXPECT_TRUE(lab_->node("lb1").lbcore->wait_for_output("file of lb2 is another one", 5s));
  const Finished again = on("lb1", "push-config --json " + file);
  EXPECT_EQ(nlohmann::json::parse(again.out).at("same"), true);

  lab_->node("lb1").lbcore->signal(SIGHUP);
  ASSERT_TRUE(eventually(
      10s, [&] { return !says_so("lb1") && !says_so("lb2"); }, "nobody says so any more"));
  EXPECT_EQ(weight("lb1"), 2);
}

TEST_F(RuntimePair, APushedFileWithAMistakeChangesNothing) {
  const TempDir dir;
  const std::string file = dir / "next.conf";
  const std::string before = lab_->config();
  const auto refused = [&](const std::string& text, const std::string& why) {
    write_file(file, text);
    const Finished pushed = on("lb2", "push-config " + file);
    EXPECT_EQ(pushed.exit.code, 2) << pushed.out;
    EXPECT_NE(pushed.err.find(why), std::string::npos) << pushed.err;
    EXPECT_NE(pushed.err.find("changed nothing"), std::string::npos) << pushed.err;
    EXPECT_EQ(read_file(lab_->config_path()), before);
  };
  std::string bad = with_weight_two(before);
  bad.replace(bad.find("weight = 2"), 10, "weight = x");
  const auto line =
      std::count(bad.begin(), bad.begin() + static_cast<ptrdiff_t>(bad.find("weight = x")), '\n') +
      1;
  refused(bad, file + ":" + std::to_string(line) + ": [server web/s2]: weight: ");
  bad = before;
  bad.replace(bad.find("vrid = 51"), 9, "vrid = 0");
  refused(bad, "[vrrp main]: vrid: ");
  EXPECT_EQ(lab_->client().try_exec({"test", "-e", lab_->config_path() + ".new"}).exit.code, 1);
  EXPECT_EQ(lab_->client().try_exec({"test", "-e", lab_->config_path() + ".old"}).exit.code, 1);
  EXPECT_FALSE(lab_->active_node().empty());
}

}  // namespace
}  // namespace hapair::test
