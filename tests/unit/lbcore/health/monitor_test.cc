#include "lbcore/health/monitor.h"

#include <algorithm>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/health/loopback.h"

namespace hapair::lbcore::health {
namespace {

constexpr auto kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

class MonitorTest : public testing::Test {
 protected:
  MonitorTest() { start(); }

  void start() {
    log_.emplace("lbcore");
    monitor_.emplace(loop_, *log_, [this](const LiveServer& server) {
      changes_.emplace_back(server.up ? "up" : "down");
    });
  }
  /// What was logged, without times.
  std::string stop_and_read_log() {
    monitor_.reset();
    log_.reset();
    return testing::internal::GetCapturedStderr();
  }

  void configure(const char* check, const std::vector<std::shared_ptr<LiveServer>>& servers) {
    auto pool = std::make_shared<Pool>();
    pool->spec.name = "web";
    pool->spec.check = parse_check(check).value();
    for (const auto& live : servers) {
      ServerSpec spec;
      spec.name = std::string(1, static_cast<char>('a' + static_cast<char>(live->id)));
      pool->servers.push_back({spec, live});
    }
    Topology topology;
    topology.pools = {pool};
    monitor_->configure(topology);
  }
  static std::shared_ptr<LiveServer> live(ServerId id, const Endpoint& address) {
    return std::make_shared<LiveServer>(id, "web", address);
  }

  EventLoop loop_;
  std::optional<Logger> log_;
  std::vector<std::string> changes_;
  std::optional<Monitor> monitor_;
};

TEST_F(MonitorTest, TheFirstCheckIsAtOnceAndDecides) {
  Server server(answering(kAnswer));
  const BoundSocket silent;
  const auto a = live(0, server.address());
  const auto b = live(1, silent.at());
  const TimePoint begin = loop_.refresh_now();
  configure("http interval 60s timeout 2s fall 9 rise 9", {a, b});
  EXPECT_FALSE(a->up) << "servers start down";
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_TRUE(a->up);
  EXPECT_FALSE(b->up);
  EXPECT_THAT(a->last_result, testing::MatchesRegex("L7OK 200 in [0-9.]+ms"));
  EXPECT_EQ(b->last_result, "L4CON Connection refused");
  EXPECT_GE(a->last_result_at, begin);
  EXPECT_GE(b->in_state_since, begin);
  EXPECT_EQ(changes_, std::vector<std::string>{"up"});
}

TEST_F(MonitorTest, ThePeersWordHoldsUntilTheFirstResult) {
  Server server(answering(kAnswer));
  const BoundSocket silent;
  const auto a = live(0, server.address());
  const auto b = live(1, silent.at());
  configure("http interval 60s timeout 2s fall 9 rise 9", {a, b});
  EXPECT_TRUE(monitor_->wants_hints());
  monitor_->hint_up(0, "lb2");
  monitor_->hint_up(1, "lb2");
  monitor_->hint_up(7, "lb2");  // of no pool here
  EXPECT_TRUE(a->up);
  EXPECT_TRUE(b->up);
  EXPECT_EQ(b->last_result, "HINT up by the word of lb2");
  EXPECT_FALSE(monitor_->settled());
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_TRUE(a->up);
  EXPECT_FALSE(b->up) << "our own first result decides";
  EXPECT_EQ(changes_, (std::vector<std::string>{"up", "up", "down"}));
  EXPECT_FALSE(monitor_->wants_hints());
  monitor_->hint_up(1, "lb2");
  EXPECT_FALSE(b->up) << "we know better";
}

TEST_F(MonitorTest, AfterDoubtOneResultDecidesAtOnce) {
  BoundSocket late;
  const auto a = live(0, late.at());
  configure("tcp interval 60s timeout 2s fall 9 rise 9", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_FALSE(a->up);
  late.listen();
  monitor_->doubt();
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  monitor_->doubt();
  EXPECT_TRUE(a->up) << "a server that is up is not doubted";
}

TEST_F(MonitorTest, SettledWaitsForTheSlowest) {
  Server server(answering(kAnswer));
  BoundSocket silent;
  silent.listen();
  const auto a = live(0, server.address());
  const auto b = live(1, silent.at());
  configure("http interval 60s timeout 300ms", {a, b});
  EXPECT_FALSE(monitor_->settled());
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  EXPECT_FALSE(monitor_->settled());
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_EQ(b->last_result, "L7TOUT no answer in 300ms");
}

TEST_F(MonitorTest, AnEmptyConfigurationIsSettled) {
  configure("tcp", {});
  EXPECT_TRUE(monitor_->settled());
}

TEST_F(MonitorTest, GoesDownAndUpAfterResultsInARowAndSaysWhy) {
  monitor_.reset();
  log_.reset();
  testing::internal::CaptureStderr();
  start();
  std::atomic<bool> healthy{true};
  Server server([&](int fd) { answering(healthy ? kAnswer : "HTTP/1.1 503 Sorry\r\n\r\n")(fd); });
  const BoundSocket silent;
  const auto a = live(0, server.address());
  const auto b = live(1, silent.at());
  configure("http interval 100ms timeout 100ms fall 3 rise 2", {a, b});
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  healthy = false;
  EXPECT_TRUE(run_until(loop_, [&] { return !a->up; }));
  healthy = true;
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  EXPECT_EQ(changes_, (std::vector<std::string>{"up", "down", "up"}));

  const std::string lines = stop_and_read_log();
  EXPECT_THAT(lines,
              testing::ContainsRegex("check web/a: down -> up \\(L7OK 200 in [0-9.]+ms\\)\n"));
  EXPECT_THAT(lines, testing::ContainsRegex(
                         "check web/a: up -> down \\(L7STS 503 in [0-9.]+ms, 3 in a row\\)\n"));
  EXPECT_THAT(lines, testing::ContainsRegex(
                         "check web/a: down -> up \\(L7OK 200 in [0-9.]+ms, 2 in a row\\)\n"));
  EXPECT_THAT(lines, testing::HasSubstr("check web/b: stays down (L4CON Connection refused)\n"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4) << "and nothing else:\n" << lines;
}

TEST_F(MonitorTest, OurOwnTroubleDoesNotCountAgainstTheServer) {
  monitor_.reset();
  log_.reset();
  testing::internal::CaptureStderr();
  start();
  BoundSocket socket;
  socket.listen(4096);
  const auto a = live(0, socket.at());
  configure("tcp interval 10ms fall 1", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  {
    const NoMoreDescriptors full;
    const TimePoint since = loop_.refresh_now();
    // A probe that began before may still end well: wait for ten rounds of trouble.
    EXPECT_TRUE(run_until(loop_, [&] {
      return a->last_result == "SOCKERR Too many open files" && loop_.now() - since > 100ms;
    }));
    EXPECT_TRUE(a->up);
  }
  EXPECT_TRUE(run_until(loop_, [&] { return a->last_result.starts_with("L4OK"); }));
  EXPECT_EQ(changes_, std::vector<std::string>{"up"});
  const std::string lines = stop_and_read_log();
  EXPECT_THAT(lines,
              testing::HasSubstr("check web/a: cannot check: Too many open files; it stays up\n"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << "rate-limited:\n" << lines;
}

TEST_F(MonitorTest, WithoutDescriptorsNothingIsSettled) {
  BoundSocket socket;
  socket.listen();
  BoundSocket other;
  other.listen();
  const auto a = live(0, socket.at());
  const auto b = live(1, other.at());
  configure("tcp interval 10ms", {b});
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  {
    const NoMoreDescriptors full;
    configure("tcp interval 10ms", {b, a});
  }
  EXPECT_FALSE(monitor_->settled());
  EXPECT_FALSE(a->up);
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_TRUE(a->up) << "the first real result decides";
}

TEST_F(MonitorTest, WithoutACheckAServerIsUp) {
  const auto a = live(0, Endpoint::parse("192.0.2.1:80").value());
  configure("none", {a});
  EXPECT_TRUE(a->up);
  EXPECT_TRUE(monitor_->settled());
  EXPECT_EQ(a->last_result, "not checked");
  EXPECT_EQ(changes_, std::vector<std::string>{"up"});
}

TEST_F(MonitorTest, AChangedCheckKeepsTheVerdictAndStartsAtOnce) {
  Server server(answering(kAnswer));
  const auto a = live(0, server.address());
  configure("http interval 60s fall 2", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  configure("http interval 60s fall 2 expect 204", {a});
  EXPECT_TRUE(a->up);
  EXPECT_TRUE(monitor_->settled());
  EXPECT_TRUE(run_until(loop_, [&] { return a->last_result.starts_with("L7STS 200"); }));
  EXPECT_TRUE(a->up) << "one failure is not two";
  configure("http interval 60s fall 2 expect 205", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return !a->up; })) << "the second one";
  configure("none", {a});
  EXPECT_TRUE(a->up);
  EXPECT_EQ(changes_, (std::vector<std::string>{"up", "down", "up"}));
}

TEST_F(MonitorTest, TheSameConfigurationAgainChangesNothing) {
  std::atomic<int> checks{0};
  Server server([&](int fd) {
    ++checks;
    answering(kAnswer)(fd);
  });
  const auto a = live(0, server.address());
  for (int i = 0; i < 5; ++i) {
    configure("http interval 60s", {a});
    EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  }
  EXPECT_EQ(checks, 1);
  EXPECT_EQ(changes_, std::vector<std::string>{"up"});
}

TEST_F(MonitorTest, AServerThatIsGoneIsNotCheckedAndComesBackUnknown) {
  std::atomic<int> checks{0};
  Server server([&](int fd) {
    ++checks;
    answering(kAnswer)(fd);
  });
  Server other(answering(kAnswer));
  const auto a = live(0, server.address());
  const auto b = live(1, other.address());
  configure("http interval 20ms timeout 20ms", {a, b});
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  configure("http interval 20ms timeout 20ms", {b});
  EXPECT_FALSE(a->up);
  const int before = checks;
  const TimePoint at = b->last_result_at;
  EXPECT_TRUE(run_until(loop_, [&] { return b->last_result_at - at > 100ms; }));
  EXPECT_LE(checks, before + 1) << "one may have been on its way";
  server.stop();
  configure("http interval 20ms timeout 20ms", {a, b});
  EXPECT_FALSE(monitor_->settled() && a->up);
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  EXPECT_FALSE(a->up);
}

/// Two pools, each with a check and servers.
Topology two_pools(const char* check_a, const std::vector<std::shared_ptr<LiveServer>>& a,
                   const char* check_b, const std::vector<std::shared_ptr<LiveServer>>& b) {
  Topology topology;
  for (const auto& [name, check, servers] :
       {std::tuple{"web", check_a, a}, std::tuple{"api", check_b, b}}) {
    auto pool = std::make_shared<Pool>();
    pool->spec.name = name;
    pool->spec.check = parse_check(check).value();
    for (const auto& live : servers) {
      pool->servers.push_back({{.name = "s", .address = live->address}, live});
    }
    topology.pools.push_back(pool);
  }
  return topology;
}

TEST_F(MonitorTest, TheSameCheckOfOneServerInTwoPoolsRunsOnce) {
  std::atomic<int> checks{0};
  std::atomic<bool> healthy{true};
  Server server([&](int fd) {
    ++checks;
    answering(healthy ? kAnswer : "HTTP/1.1 503 Sorry\r\n\r\n")(fd);
  });
  const auto web = live(0, server.address());
  const auto api = std::make_shared<LiveServer>(1, "api", server.address());
  constexpr auto kCheck = "http interval 60s";
  monitor_->configure(two_pools(kCheck, {web}, "http GET / interval 1m", {api}));
  EXPECT_TRUE(run_until(loop_, [&] { return web->up && api->up; }));
  EXPECT_EQ(checks, 1);
  EXPECT_EQ(web->last_result, api->last_result);

  // Apart, each goes on from what was known.
  healthy = false;
  monitor_->configure(two_pools(kCheck, {web}, "http interval 60s fall 1", {api}));
  EXPECT_TRUE(web->up && api->up);
  EXPECT_TRUE(run_until(loop_, [&] { return !api->up; }));
  EXPECT_TRUE(web->up) << "its check was not touched";
  EXPECT_EQ(checks, 2);

  // Together again, the one that joins takes the verdict that there is.
  monitor_->configure(two_pools(kCheck, {web}, kCheck, {api}));
  EXPECT_TRUE(web->up && api->up);
  EXPECT_EQ(checks, 2);
  monitor_->configure(two_pools(kCheck, {}, kCheck, {api}));
  EXPECT_FALSE(web->up) << "gone";
  EXPECT_TRUE(api->up);
  EXPECT_TRUE(monitor_->settled());
  EXPECT_EQ(checks, 2);
}

TEST_F(MonitorTest, AChangedCheckLeavesOtherServersAlone) {
  std::atomic<int> checks{0};
  Server counted([&](int fd) {
    ++checks;
    answering(kAnswer)(fd);
  });
  Server other(answering(kAnswer));
  const auto web = live(0, counted.address());
  const auto api = std::make_shared<LiveServer>(1, "api", other.address());
  monitor_->configure(two_pools("http interval 60s", {web}, "http interval 60s", {api}));
  EXPECT_TRUE(run_until(loop_, [&] { return monitor_->settled(); }));
  const TimePoint at = web->last_result_at;
  monitor_->configure(two_pools("http interval 60s", {web}, "tcp interval 60s", {api}));
  EXPECT_TRUE(run_until(loop_, [&] { return api->last_result.starts_with("L4OK"); }));
  EXPECT_TRUE(web->up && api->up);
  EXPECT_EQ(web->last_result_at, at);
  EXPECT_EQ(checks, 1);
}

TEST_F(MonitorTest, IsFasterWhileTheStateChanges) {
  std::atomic<bool> healthy{true};
  Server server([&](int fd) { answering(healthy ? kAnswer : "HTTP/1.1 503 Sorry\r\n\r\n")(fd); });
  const auto a = live(0, server.address());
  configure("http interval 60s fast 20ms fall 3 rise 3", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return a->up.load(); }));
  healthy = false;
  // The first failure comes with the changed check, the two others at the faster pace.
  configure("http interval 59s fast 20ms fall 3 rise 3", {a});
  EXPECT_TRUE(run_until(loop_, [&] { return !a->up; }));
}

// Twenty servers configured at the same moment: the first checks come together, the second ones do
// not.
TEST_F(MonitorTest, LaterChecksAreSpread) {
  std::mutex mutex;
  std::map<std::string, std::vector<TimePoint>> seen;
  Server server(
      [&](int fd) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
        const std::lock_guard lock(mutex);
        seen[Endpoint::from_sockaddr(address).ip.to_string()].push_back(Clock::now());
      },
      "0.0.0.0");
  std::vector<std::shared_ptr<LiveServer>> servers;
  for (ServerId id = 0; id < 20; ++id) {
    servers.push_back(live(id, server.at(("127.0.0." + std::to_string(id + 1)).c_str())));
  }
  configure("tcp interval 400ms", servers);
  EXPECT_TRUE(run_until(loop_, [&] {
    const std::lock_guard lock(mutex);
    return seen.size() == 20 && std::all_of(seen.begin(), seen.end(), [](const auto& entry) {
             return entry.second.size() >= 2;
           });
  }));
  std::vector<Duration> pauses;
  pauses.reserve(servers.size());
  const std::lock_guard lock(mutex);
  for (const auto& [address, times] : seen) pauses.push_back(times[1] - times[0]);
  const auto [least, most] = std::minmax_element(pauses.begin(), pauses.end());
  EXPECT_GT(*most - *least, 60ms) << "of 200 ms that they are spread over";
}

}  // namespace
}  // namespace hapair::lbcore::health
