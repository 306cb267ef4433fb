// The whole way of a command: pairadm -> lbcore -> traffic. One node with a balancer whose file has
// no more than the lab's own service; everything under test is made at run time.
#include <algorithm>
#include <csignal>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr const char* kService = "10.0.0.1:8000";  // lb1's own address: no VIP is needed here
constexpr const char* kUrl = "http://10.0.0.1:8000";

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

class Runtime : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.servers = 3, .with_vrrpd = false});
    lab_->start_lbcore("lb1");
    ASSERT_TRUE(eventually(
        10s, [&] { return pairadm("-L").ok(); }, "lbcore answers"));
  }

  Finished pairadm(const std::string& line) { return lab_->pairadm("lb1", words(line)); }

  /// Fails the test unless the command succeeds in silence.
  void does(const std::string& line) {
    const Finished done = pairadm(line);
    EXPECT_EQ(done.exit.code, 0) << line << ": " << done.err;
    EXPECT_EQ(done.out + done.err, "") << line;
  }

  void refuses(const std::string& line, int code, const std::string& message) {
    const Finished done = pairadm(line);
    EXPECT_EQ(done.exit.code, code) << line;
    EXPECT_EQ(done.err, "pairadm: " + message + "\n") << line;
    EXPECT_EQ(done.out, "") << line;
  }

  nlohmann::json service() {
    const Finished listed = pairadm(std::string("-L --json -t ") + kService);
    EXPECT_EQ(listed.exit.code, 0) << listed.err;
    return nlohmann::json::parse(listed.out).at("services").at(0);
  }

  testing::AssertionResult wait_up(size_t servers) {
    return eventually(
        5s,
        [&] {
          const auto all = service().at("servers");
          return static_cast<size_t>(std::ranges::count_if(all, [](const auto& server) {
                   return server.at("up").template get<bool>();
                 })) == servers;
        },
        [&] { return service().dump(2); });
  }

  /// The body of one request over a connection of its own; empty when it failed.
  std::string fetch(const std::string& path = "/") {
    return lab_->client().try_exec({"curl", "-s", "-f", "--max-time", "3", kUrl + path}).out;
  }

  std::optional<PairLab> lab_;
};

TEST_F(Runtime, AddedServiceServesAndDeletedOneDoesNot) {
  does("-A -t 10.0.0.1:8000 -s rr");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.12:8080 -w 3");
  ASSERT_TRUE(wait_up(2));
  std::string answers;
  for (int i = 0; i < 4; ++i) answers += fetch();
  EXPECT_NE(answers.find("s1 for"), std::string::npos) << answers;
  EXPECT_NE(answers.find("s2 for"), std::string::npos) << answers;
  EXPECT_EQ(answers.find("s3 for"), std::string::npos) << answers;

  EXPECT_EQ(pairadm("-Ln -t 10.0.0.1:8000").out,
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  10.0.0.1:8000 rr\n"
            "  -> 10.0.1.11:8080               Proxy   1      0          0         \n"
            "  -> 10.0.1.12:8080               Proxy   3      0          0         \n");
  const std::string whole = pairadm("-Ln").out;
  EXPECT_TRUE(whole.starts_with("hapair " HAPAIR_VERSION " (sessions=0)\nProt ")) << whole;
  EXPECT_LT(whole.find("TCP  10.0.0.1:8000 rr\n"),
            whole.find("TCP  10.0.0.100:80 rr persistent 600\n"));
  const auto json = service();
  EXPECT_EQ(json.at("name"), "tcp-10.0.0.1:8000");
  EXPECT_EQ(json.at("runtime"), true);
  EXPECT_EQ(json.at("counters").at("connections"), 4);

  does("-D -t 10.0.0.1:8000");
  EXPECT_EQ(fetch(), "");
  EXPECT_EQ(pairadm("-Ln -t 10.0.0.1:8000").exit.code, 1);
}

TEST_F(Runtime, RefusalsNameTheThingAndTheReason) {
  does("-A -t 10.0.0.1:8000");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  refuses("-A -t 10.0.0.1:8000", 255,
          "Service already exists: TCP 10.0.0.1:8000 (tcp-10.0.0.1:8000)");
  refuses("-A -t 10.0.0.100:80", 255, "Service already exists: TCP 10.0.0.100:80 (web)");
  refuses("-E -t 10.0.0.1:8001 -s rr", 255, "No such service: TCP 10.0.0.1:8001");
  refuses("-D -t 10.0.0.1:8001", 255, "No such service: TCP 10.0.0.1:8001");
  refuses("-L -t 10.0.0.1:8001", 1, "No such service: TCP 10.0.0.1:8001");
  refuses("-a -t 10.0.0.1:8001 -r 10.0.1.11", 255, "Service not defined: TCP 10.0.0.1:8001");
  refuses("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080", 255,
          "Destination already exists: 10.0.1.11:8080 of TCP 10.0.0.1:8000 (10.0.1.11:8080)");
  refuses("-e -t 10.0.0.1:8000 -r 10.0.1.12:8080 -w 1", 255,
          "No such destination: 10.0.1.12:8080 of TCP 10.0.0.1:8000");
  refuses("-d -t 10.0.0.1:8000 -r 10.0.1.12:8080", 255,
          "No such destination: 10.0.1.12:8080 of TCP 10.0.0.1:8000");
  refuses("-a -t 10.0.0.1:8000 -r 10.0.1.12 -m", 2,
          "forwarding method masq needs the kernel data path, not built yet; proxy is offered");
  EXPECT_EQ(pairadm("-A -t 10.0.0.1:8002 -s frob").exit.code, 2);
  EXPECT_EQ(pairadm("-L -t 10.0.0.1:8002").exit.code, 1)
      << "a refused command leaves nothing behind";
}

TEST_F(Runtime, OccupiedPortIsRefusedAndNothingChanges) {
  const Process occupant({.argv = {"python3", "-m", "http.server", "8000", "--bind", "10.0.0.1"},
                          .in = &lab_->node("lb1").inside});
  ASSERT_TRUE(eventually(
      10s, [&] { return !fetch().empty(); }, "something else listens"));
  const std::string before = pairadm("-Ln").out;
  const Finished done = pairadm("-A -t 10.0.0.1:8000");
  EXPECT_EQ(done.exit.code, 255);
  EXPECT_NE(done.err.find("10.0.0.1:8000"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("in use"), std::string::npos) << done.err;
  EXPECT_EQ(pairadm("-Ln").out, before);
}

TEST_F(Runtime, EditsDropNothing) {
  does("-A -t 10.0.0.1:8000 -s wrr");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.12:8080");
  ASSERT_TRUE(wait_up(2));

  // One request that is open all the while, and many that come and go.
  Process open_one(
      {.argv = {"curl", "-s", "-f", "--max-time", "20", std::string(kUrl) + "/slow?ms=4000"},
       .in = &lab_->client()});
  ASSERT_TRUE(eventually(
      3s, [&] { return service().at("counters").at("active") == 1; }, "the request is open"));
  constexpr int kRequests = 400;
  Process many({.argv = {"curl", "-s", "-f", "--max-time", "20", "-H", "Connection: close", "-o",
                         "/dev/null", "-w", "%{http_code}\\n",
                         kUrl + ("/slow?ms=5&n=[1-" + std::to_string(kRequests) + "]")},
                .in = &lab_->client()});
  int edits = 0;
  while (many.running()) {
    ++edits;
    does("-e -t 10.0.0.1:8000 -r 10.0.1.11:8080 -w " + std::to_string(edits % 4));
    does(std::string("-E -t 10.0.0.1:8000 -s ") + (edits % 2 == 0 ? "wlc" : "wrr"));
    does("-a -t 10.0.0.1:8000 -r 10.0.1.13:8080");
    does("-d -t 10.0.0.1:8000 -r 10.0.1.13:8080");
    does("-A -t 10.0.0.1:8001");
    does("-D -t 10.0.0.1:8001");
  }
  EXPECT_GE(edits, 5);
  const std::string codes = many.out();
  EXPECT_EQ(std::ranges::count(codes, '\n'), kRequests);
  EXPECT_EQ(codes.find_first_not_of("20\n"), std::string::npos) << codes;
  ASSERT_TRUE(open_one.wait(10s));
  EXPECT_TRUE(open_one.out().starts_with("s")) << open_one.out() << open_one.err();
}

TEST_F(Runtime, WeightZeroDrainsAndKeepsTheOpenConnection) {
  does("-A -t 10.0.0.1:8000 -s rr");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(wait_up(1));
  Process open_one(
      {.argv = {"curl", "-s", "-f", "--max-time", "10", std::string(kUrl) + "/slow?ms=1500"},
       .in = &lab_->client()});
  ASSERT_TRUE(eventually(
      3s, [&] { return service().at("counters").at("active") == 1; }, "the request is open"));
  does("-e -t 10.0.0.1:8000 -r 10.0.1.11:8080 -w 0");
  EXPECT_EQ(fetch(), "") << "no server takes new connections";
  does("-d -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(open_one.wait(10s));
  EXPECT_TRUE(open_one.out().starts_with("s1 for")) << open_one.out();
}

TEST_F(Runtime, DrainWaitsForTheLastConnectionAndEnableBringsItBack) {
  does("-A -t 10.0.0.1:8000 -s rr");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(wait_up(1));
  Process open_one(
      {.argv = {"curl", "-s", "-f", "--max-time", "10", std::string(kUrl) + "/slow?ms=800"},
       .in = &lab_->client()});
  ASSERT_TRUE(eventually(
      3s, [&] { return service().at("counters").at("active") == 1; }, "the request is open"));
  const Finished impatient = pairadm("drain --wait 100ms 10.0.0.1:8000 10.0.1.11");
  EXPECT_EQ(impatient.exit.code, 3) << impatient.err;
  EXPECT_EQ(fetch(), "") << "no server takes new connections";
  const Finished drained = pairadm("drain --wait 8s tcp-10.0.0.1:8000 10.0.1.11:8080");
  EXPECT_EQ(drained.exit.code, 0) << drained.err;
  EXPECT_NE(drained.out.find(": drain, up, 0 connections"), std::string::npos) << drained.out;
  ASSERT_TRUE(open_one.wait(10s));
  EXPECT_TRUE(open_one.out().starts_with("s1 for")) << open_one.out();
  EXPECT_EQ(pairadm("enable --wait 5s 10.0.0.1:8000 10.0.1.11").exit.code, 0);
  EXPECT_TRUE(eventually(
      3s, [&] { return !fetch().empty(); }, "it serves again"));
}

TEST_F(Runtime, StickyClientKeepsItsServer) {
  does("-A -t 10.0.0.1:8000 -s rr -p 60 -M 255.255.255.0");
  for (const char* server : {"10.0.1.11", "10.0.1.12", "10.0.1.13"})
    does(std::string("-a -t 10.0.0.1:8000 -r ") + server + ":8080");
  ASSERT_TRUE(wait_up(3));
  const std::string first = fetch();
  ASSERT_NE(first, "");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(fetch(), first);
  EXPECT_EQ(service().at("sessions"), 1);
  // Taken out for new clients: this one keeps it.
  const std::string own = std::string("10.0.1.1") + first.at(1) + ":8080";
  does("-e -t 10.0.0.1:8000 -w 0 -r " + own);
  EXPECT_EQ(fetch(), first);
  does("-e -t 10.0.0.1:8000 -w 1 -r " + own);
  does("-d -t 10.0.0.1:8000 -r " + own);
  const std::string second = fetch();
  EXPECT_NE(second, first) << "deleted: the session is gone with it";
  EXPECT_NE(second, "");
  EXPECT_EQ(service().at("sessions"), 1);
  const std::string listed = pairadm("-Ln --persistent-conn -t 10.0.0.1:8000").out;
  EXPECT_NE(listed.find("TCP  10.0.0.1:8000 rr persistent 60 mask 255.255.255.0\n"),
            std::string::npos);
  EXPECT_NE(listed.find(" 1         1           0          0         \n"), std::string::npos)
      << listed;
}

TEST_F(Runtime, ExplainAgreesWithWhatHappens) {
  does("-A -t 10.0.0.1:8000 -s rr -p 60");
  for (const char* server : {"10.0.1.11", "10.0.1.12"})
    does(std::string("-a -t 10.0.0.1:8000 -r ") + server + ":8080");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.13:8080 --state drain");
  ASSERT_TRUE(wait_up(3));
  const auto explain = [&] {
    const Finished done = pairadm("explain --from 10.0.0.10:1234 --to 10.0.0.1:8000 --json");
    EXPECT_EQ(done.exit.code, 0) << done.err;
    return nlohmann::json::parse(done.out);
  };
  const auto before = explain();
  EXPECT_EQ(before["service"], "tcp-10.0.0.1:8000");
  EXPECT_EQ(before["session"], nullptr);
  EXPECT_EQ(before["picks"].size(), 2U) << before.dump(2);
  EXPECT_EQ(before["servers"][2]["why_not"], "drain: only clients with a session");

  const std::string own = std::string("10.0.1.1") + fetch().at(1) + ":8080";
  const auto with_session = explain();
  EXPECT_EQ(with_session["session"]["server"], own) << with_session.dump(2);
  EXPECT_EQ(with_session["picks"], nlohmann::json::array({own}));
  does("-e -t 10.0.0.1:8000 --state disabled -r " + own);
  const auto disabled = explain();
  EXPECT_EQ(disabled["session"]["why_not"], "its server is disabled");
  EXPECT_EQ(disabled["picks"].size(), 1U) << disabled.dump(2);
  does("-E -t 10.0.0.1:8000 -s sh");
  EXPECT_EQ(explain()["picks"].size(), 1U);
  EXPECT_EQ(pairadm("explain --from 10.0.0.10 --to 10.0.0.1:8001").exit.code, 1);
}

TEST_F(Runtime, SaveClearRestoreSaveIsTheSame) {
  does("-A -t 10.0.0.1:8000 -s rr -p 60 -M 255.255.255.0");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080 -w 3");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.12:8080 -x 9 -y 5 --state drain");
  does("-e -t 10.0.0.100:80 -r 10.0.1.13:8080 -w 7");
  does("--set 0 60 0");
  const std::string saved = pairadm("-S").out;
  EXPECT_NE(saved.find("-A -t 10.0.0.1:8000 -s rr -p 60 -M 255.255.255.0\n"
                       "-a -t 10.0.0.1:8000 -r 10.0.1.11:8080 -w 3\n"
                       "-a -t 10.0.0.1:8000 -r 10.0.1.12:8080 -w 1 -x 9 -y 5 --state drain\n"),
            std::string::npos)
      << saved;
  EXPECT_NE(saved.find("-a -t 10.0.0.100:80 -r 10.0.1.13:8080 -w 7\n"), std::string::npos);
  const auto before = nlohmann::json::parse(pairadm("-L --json").out);

  const auto restore = [&](const std::string& text) { return lab_->pairadm("lb1", {"-R"}, text); };
  EXPECT_TRUE(saved.starts_with("--set 900 60 300\n")) << saved;
  EXPECT_EQ(before.at("timeouts").at("tcpfin"), 60);
  const Finished wrong = restore("-C\n" + saved + "-a -t 10.0.0.1:8000 -r 10.0.1.11:8080 -w x\n");
  EXPECT_EQ(wrong.exit.code, 2) << wrong.err;
  EXPECT_EQ(pairadm("-S").out, saved) << "one mistake, and nothing was done";
  does("-C");
  EXPECT_EQ(pairadm("-S").out, "--set 900 60 300\n");
  const Finished restored = restore("# a comment\n\n" + saved);
  EXPECT_EQ(restored.exit.code, 0) << restored.err;
  EXPECT_EQ(pairadm("-S").out, saved);
  const auto after = nlohmann::json::parse(pairadm("-L --json").out);
  ASSERT_EQ(after.at("services").size(), before.at("services").size());
  for (size_t i = 0; i < after.at("services").size(); ++i) {
    for (const char* key : {"name", "pool", "scheduler", "runtime"})
      EXPECT_EQ(after["services"][i][key], before["services"][i][key]);
  }
  EXPECT_EQ(restore("-C\n" + saved).exit.code, 0);
  EXPECT_EQ(pairadm("-S").out, saved);
}

TEST_F(Runtime, ConnectionsFiguresAndZero) {
  does("-A -t 10.0.0.1:8000 -s rr");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(wait_up(1));
  EXPECT_NE(fetch(), "");
  EXPECT_NE(fetch(), "");
  Process open_one(
      {.argv = {"curl", "-s", "-f", "--max-time", "10", std::string(kUrl) + "/slow?ms=2500"},
       .in = &lab_->client()});
  ASSERT_TRUE(eventually(
      3s, [&] { return service().at("counters").at("active") == 1; }, "the request is open"));
  const std::string entries = pairadm("-Lcn").out;
  EXPECT_NE(entries.find(" ESTABLISHED "), std::string::npos) << entries;
  EXPECT_NE(entries.find("10.0.0.1:8000"), std::string::npos) << entries;
  EXPECT_NE(entries.find("10.0.1.11:8080\n"), std::string::npos) << entries;
  const auto all = nlohmann::json::parse(pairadm("-Lc --json -t 10.0.0.1:8000").out);
  ASSERT_EQ(all.at("connections").size(), 1U) << all.dump(2);
  EXPECT_EQ(all["connections"][0]["state"], "established");
  EXPECT_EQ(nlohmann::json::parse(pairadm("-Lc --json -t 10.0.0.100:80").out)["connections"].size(),
            0U);

  const auto row = [&](const std::string& form) {
    const std::string out = pairadm("-Ln --exact " + form + " -t 10.0.0.1:8000").out;
    std::istringstream lines(out.substr(out.find("TCP  10.0.0.1:8000")));
    std::string word;
    std::vector<uint64_t> figures;
    lines >> word >> word;
    for (uint64_t figure = 0; figures.size() < 5 && lines >> figure;) figures.push_back(figure);
    figures.resize(5);
    return figures;
  };
  // A connection tells of its reads when it is over.
  EXPECT_TRUE(eventually(
      3s, [&] { return row("--stats")[1] >= 2; }, "reads from clients"));
  const auto stats = row("--stats");
  EXPECT_EQ(stats[0], 3U);
  EXPECT_GT(stats[3], 100U) << "bytes from clients";
  EXPECT_TRUE(eventually(
      5s, [&] { return !fetch().empty() && row("--rate")[3] > 0; }, "a rate"));
  ASSERT_TRUE(open_one.wait(10s));
  ASSERT_TRUE(eventually(
      3s, [&] { return service().at("counters").at("active") == 0; }, "all are over"));
  does("-Z -t 10.0.0.1:8000");
  EXPECT_EQ(row("--stats"), std::vector<uint64_t>(5, 0));
  EXPECT_NE(fetch(), "");
  EXPECT_EQ(row("--stats")[0], 1U);
}

TEST_F(Runtime, SetTimeoutsEndSilentConnectionsAndStayOverAReload) {
  does("-A -t 10.0.0.1:8000");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(wait_up(1));
  EXPECT_EQ(pairadm("-L --timeout").out, "Timeout (tcp tcpfin udp): 900 120 300\n");
  does("--set 1 0 60");
  EXPECT_EQ(pairadm("-L --timeout").out, "Timeout (tcp tcpfin udp): 1 120 60\n");
  EXPECT_EQ(service().at("idle_timeout_ms"), 1000);
  Process silent({.argv = {"curl", "-s", "--max-time", "10", std::string(kUrl) + "/slow?ms=9000"},
                  .in = &lab_->client()});
  EXPECT_TRUE(eventually(
      8s, [&] { return service().at("idle_timeouts") == 1; }, [&] { return service().dump(2); }));
  ASSERT_TRUE(silent.wait(5s));
  Process& lbcore = *lab_->node("lb1").lbcore;
  lbcore.signal(SIGHUP);
  ASSERT_TRUE(lbcore.wait_for_output("reload: done", 5s));
  EXPECT_EQ(pairadm("-L --timeout").out, "Timeout (tcp tcpfin udp): 1 120 60\n");
}

TEST_F(Runtime, LatencyOfPoolAndServer) {
  does("-A -t 10.0.0.1:8000");
  does("-a -t 10.0.0.1:8000 -r 10.0.1.11:8080");
  ASSERT_TRUE(wait_up(1));
  EXPECT_NE(fetch("/slow?ms=30"), "");
  const auto latency = [&] {
    const auto listed =
        nlohmann::json::parse(pairadm("-L --latency --json -t 10.0.0.1:8000").out)["services"][0];
    EXPECT_EQ(listed["latency_us"], listed["servers"][0]["latency_us"]) << listed.dump(2);
    return listed["latency_us"];
  };
  ASSERT_TRUE(eventually(
      3s, [&] { return latency()["duration"]["count"] == 1; }, "the connection is over"));
  EXPECT_GE(latency()["first_byte"]["p50"], 25000) << latency().dump(2);
  EXPECT_EQ(latency()["connect"]["count"], 1);
  const std::string table = pairadm("-Ln --latency -t 10.0.0.1:8000").out;
  EXPECT_NE(table.find("  -> 10.0.1.11:8080               connect             1 "),
            std::string::npos)
      << table;
}

TEST_F(Runtime, ClearLeavesNothing) {
  does("-A -t 10.0.0.1:8000");
  does("-C");
  EXPECT_EQ(pairadm("-Ln").out,
            "hapair " HAPAIR_VERSION
            " (sessions=0)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
}

}  // namespace
}  // namespace hapair::test
