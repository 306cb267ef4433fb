// Servers die and come back, checks fail and pass, the file is reloaded and pairadm changes what it
// likes, again and again under every kind of client: afterwards nothing is left open, nothing has
// grown, and no byte was wrong.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/netns/lbcore/udp.h"
#include "tests/netns/soak/soak_clients.h"
#include "tests/support/programs.h"
#include "tests/support/sanitized.h"

namespace hapair::test {
namespace {

/// HAPAIR_SOAK, or a little.
Duration how_long() {
  const char* seconds = std::getenv("HAPAIR_SOAK");
  return seconds == nullptr ? 10s : std::chrono::seconds(std::strtol(seconds, nullptr, 10));
}

class Soak : public LbcoreLab {
 protected:
  void SetUp() override {
    LbcoreLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    for (size_t number = 1; number <= 3; ++number) {
      echo_.emplace_back(std::make_unique<DatagramServer>(
          server(number), fmt::format("s{}", number), address(number)));
    }
    start(file("scheduler = rr\n"));
  }
  void TearDown() override {
    clients_.reset();
    echo_.clear();
    LbcoreLab::TearDown();
  }

  static Endpoint address(size_t number) {
    return {IpAddress::parse(fmt::format("10.0.1.{}", 10 + number)).value(), 8080};
  }
  static std::string file(const std::string& pool, const std::string& service = "") {
    const std::string check =
        "check = http GET /health expect 200-399 interval 100ms timeout 100ms fall 2 rise 1\n";
    return config(check + pool,
                  "[service echo]\nlisten = udp 10.0.0.100:53\npool = web\n"
                  "idle_timeout = 500ms\n" +
                      service);
  }

  /// Changes until `end`, one after the other; after each everybody was answered again.
  void change_things_until(TimePoint end) {
    clients_ = std::make_unique<SoakClients>(client(), vip(), vip(53));
    while (Clock::now() < end) {
      const std::string what = change_something();
      ASSERT_TRUE(clients_->wait_answers(3, 30s)) << "after: " << what << "\n"
                                                  << clients_->summary();
    }
    clients_->stop();
    std::printf("%d changes; %s\n", changes_, clients_->summary().c_str());
    EXPECT_EQ(clients_->damaged(), 0) << clients_->damage();
    clients_.reset();
  }

  /// What is left when all clients have gone, and the file is the first one again.
  struct Left {
    size_t memory = 0;
    std::vector<std::string> descriptors;
  };
  Left left() {
    mend();
    reload(file("scheduler = rr\n"));
    for (const char* name : {"web", "echo"}) {
      EXPECT_TRUE(eventually(
          20s,
          [&] {
            const control::Service now = service(name);
            uint64_t open = now.counters().active();
            for (const control::Server& each : now.servers()) open += each.counters().active();
            return open == 0;
          },
          [&] { return std::string(name) + " has connections open"; }));
    }
    return {.memory = memory(), .descriptors = descriptors()};
  }

  /// What each of lbcore's descriptors is, "socket:", "/dev/null", ..., sorted; without the pipes,
  /// of which it keeps as many as it once spliced through at the same time.
  std::vector<std::string> descriptors() {
    std::vector<std::string> all;
    for (const auto& each :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", lbcore().pid()))) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(each, gone).string();
      if (!gone && !target.starts_with("pipe:")) all.push_back(target.substr(0, target.rfind('[')));
    }
    std::ranges::sort(all);
    return all;
  }

 private:
  std::string change_something() {
    ++changes_;
    const size_t number = 1 + random_() % 3;
    switch (random_() % 10) {
      case 0:
        mend();
        origin(number)->signal(SIGKILL);
        origin(number)->wait(5s);
        killed_ = number;
        return fmt::format("s{} was killed", number);
      case 1:
        mend();
        set_health(number, 503);
        ill_ = number;
        return fmt::format("s{} was ill", number);
      case 2:
        mend();
        return "all well again";
      case 3:
      case 4:
        return reload_something();
      case 5:
        return pairadm({{"-e", "-t", kVip, "-r", key(number), "-w", weight()}});
      case 6:
        mend();
        return pairadm({{"drain", kVip, key(number)}, {"-L", "-n", "-c"}});
      case 7:
        return pairadm({{"enable", kVip, key(number)}});
      case 8:  // a second service comes and goes with a server that nobody has checked yet
        return pairadm({{"-A", "-t", kOther, "-s", "wlc"},
                        {"-a", "-t", kOther, "-r", key(number)},
                        {"-D", "-t", kOther}});
      default:
        return pairadm({{"-Z"}, {"-L", "--stats"}, {"-L", "--json"}, {"-L", "--rate"}});
    }
  }

  std::string reload_something() {
    static const std::vector<std::string> schedulers{"rr",     "wrr", "lc", "wlc", "sed", "nq",
                                                     "random", "p2c", "sh", "mh",  "lrt", "lbw"};
    static const std::vector<std::string> more{"", "sticky = source/32 10m\n", "slow_start = 1s\n",
                                               "retries = 2\nconnect_timeout = 500ms\n",
                                               "when_all_down = all\n"};
    static const std::vector<std::string> services{
        "", "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n",
        "[service more]\nlisten = udp 10.0.0.100:54\npool = web\n"};
    const std::string pool = "scheduler = " + schedulers[random_() % schedulers.size()] + "\n" +
                             more[random_() % more.size()];
    reload(file(pool, services[random_() % services.size()]));
    return "reload with " + pool;
  }

  /// One after the other; what they were, for a message.
  std::string pairadm(const std::vector<std::vector<std::string>>& commands) {
    std::string all;
    for (const std::vector<std::string>& words : commands) {
      std::vector<std::string> argv{programs::pairadm(), "--run-dir", run_dir()};
      argv.insert(argv.end(), words.begin(), words.end());
      const Finished done = lb().try_exec(argv);
      EXPECT_TRUE(done.ok()) << done.err;
      all += fmt::format("pairadm {}; ", fmt::join(words, " "));
    }
    return all;
  }
  static std::string key(size_t number) { return address(number).to_string(); }
  std::string weight() { return std::to_string(1 + random_() % 5); }

  void set_health(size_t number, int status) {
    EXPECT_TRUE(get_from(lb(), address(number), fmt::format("/set?health={}", status)).ok());
  }
  void mend() {
    if (killed_ != 0) start_origin(std::exchange(killed_, 0));
    if (ill_ != 0) set_health(std::exchange(ill_, 0), 200);
    for (size_t number = 1; number <= 3; ++number) pairadm({{"enable", kVip, key(number)}});
  }

  static constexpr const char* kVip = "10.0.0.100:80";
  static constexpr const char* kOther = "10.0.0.100:82";
  std::minstd_rand random_{1};  // NOLINT(cert-msc51-cpp): the same changes in every run
  int changes_ = 0;
  size_t killed_ = 0;
  size_t ill_ = 0;
  std::vector<std::unique_ptr<DatagramServer>> echo_;
  std::unique_ptr<SoakClients> clients_;
};

TEST_F(Soak, NothingIsLostLeftOpenOrWrong) {
  const TimePoint begin = Clock::now();
  const Duration all = how_long();
  // What grows once (buffers, pipes, histograms) grows in the first part.
  change_things_until(begin + all / 3);
  const Left before = left();
  change_things_until(begin + all);
  const Left after = left();
  // A check may be under way at one of the two moments.
  EXPECT_TRUE(eventually(5s, [&] { return descriptors() == before.descriptors; }))
      << ::testing::PrintToString(descriptors()) << "\ninstead of "
      << ::testing::PrintToString(before.descriptors);
  // A sanitizer keeps what was given back; it has a leak check of its own at the end.
  if (!kSanitized) {
    EXPECT_LT(after.memory, before.memory + (size_t{1} << 20));
  }
  EXPECT_EQ(lbcore().terminate(10s).code, 0);
}

}  // namespace
}  // namespace hapair::test
