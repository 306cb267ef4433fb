// vrrpd on lb1 and keepalived from Debian on lb2, which speak to each other with nothing configured
// for the other's sake but `vrrp_version 3`: one Active between them, in every order of starting,
// stopping and dying.
#include <algorithm>
#include <csignal>
#include <functional>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

using vrrp::active_down_interval;
using vrrp::skew_time;

constexpr Duration kSlack = 25ms;
// keepalived is an ordinary process: on a busy machine it waits for its turn.
constexpr Duration kSlackOfKeepalived = 150ms;
constexpr uint8_t kVrrpdPriority = 100;

struct Setting {
  bool unicast;
  Duration interval;
};

class KeepalivedTest : public RootTest, public testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.advert_interval = GetParam().interval,
                                  .servers = 0,
                                  .priority_lb1 = kVrrpdPriority,
                                  .unicast = GetParam().unicast,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false});
  }
  void TearDown() override {
    if (HasFailure() && keepalived_) {
      std::cerr << "--- keepalived\n" << keepalived_->out() << keepalived_->err();
    }
  }

  void start_vrrpd() { lab_->start_vrrpd("lb1"); }
  void start_keepalived(int priority) {
    std::string config = fmt::format(
        "global_defs {{\n  router_id lb2\n  vrrp_version 3\n}}\n"
        "vrrp_instance main {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n"
        "  priority {}\n  advert_int {}\n",
        priority, std::chrono::duration<double>(GetParam().interval).count());
    if (GetParam().unicast) {
      config += "  unicast_src_ip 10.0.0.2\n  unicast_peer {\n    10.0.0.1\n  }\n";
    }
    config += fmt::format("  virtual_ipaddress {{\n    {}/24 dev eth0\n  }}\n}}\n", PairLab::kVip);
    write_file(dir_ / "keepalived.conf", config);
    keepalived_.emplace(
        Launch{.argv = {"keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
                        "--use-file", dir_ / "keepalived.conf", "--pid", dir_ / "keepalived.pid",
                        "--vrrp_pid", dir_ / "vrrp.pid"},
               .in = &lab_->node("lb2").inside});
  }
  void kill_keepalived() {
    // Children first: one that sees its parent die resigns and removes the VIP before it is killed.
    std::vector<int> pids = lab_->node("lb2").inside.processes();
    std::ranges::sort(pids, std::greater<>());
    for (const int pid : pids) ::kill(pid, SIGKILL);
    keepalived_->wait(5s);
    lab_->node("lb2").inside.ip(fmt::format("addr del {}/24 dev eth0", PairLab::kVip));
  }

  /// One node, the same one for a while, with the VIP. At 10 ms a machine that stands still for 40
  /// ms while a program starts may move it once: what counts is where it ends.
  [[nodiscard]] testing::AssertionResult settles_on(std::string_view node) {
    const TimePoint deadline = Clock::now() + 20 * GetParam().interval + 5s;
    testing::AssertionResult stays = testing::AssertionFailure();
    do {
      auto reached = lab_->wait_active(node, deadline - Clock::now());
      if (!reached) return reached;
      stays = holds_for(
          8 * GetParam().interval + 100ms, [&] { return lab_->active_node() == node; },
          "one and the same holder");
    } while (!stays && Clock::now() < deadline);
    return stays;
  }
  /// vrrpd is Active and keepalived its Backup, whichever was first.
  void let_vrrpd_lead() {
    std::string config = lab_->config();
    config.replace(config.find("preempt = no"), 12, "preempt = yes");
    lab_->write_config(config);
    start_keepalived(50);
    ASSERT_TRUE(keepalived_->wait_for_output("Entering BACKUP STATE", 5s));
    start_vrrpd();
    ASSERT_TRUE(settles_on("lb1"));
    watch();
    ASSERT_TRUE(eventually(
        2s, [&] { return udp_->log().last_answer() == "lb1"; }, "lb1 answers"));
  }
  void watch() {
    udp_ = std::make_unique<UdpProber>(lab_->client(), PairLab::kVip);
    arp_ = lab_->watch_vip();
  }
  [[nodiscard]] testing::AssertionResult moved_to(std::string_view node, TimePoint since,
                                                  Duration within) {
    auto over = eventually(
        10 * GetParam().interval + 5s, [&] { return udp_->log().last_answer() == node; },
        "the VIP moved");
    if (!over) return over;
    const Duration outage = udp_->log().longest_gap(since);
    RecordProperty("outage_us", static_cast<int>(outage / 1us));
    if (outage <= within) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "outage " << outage / 1us << " us";
  }

  TempDir dir_;
  std::optional<PairLab> lab_;
  std::optional<Process> keepalived_;
  std::unique_ptr<UdpProber> udp_;
  std::unique_ptr<ArpProber> arp_;
};

std::string name_of(const testing::TestParamInfo<Setting>& kind) {
  return fmt::format("{}_{}ms", kind.param.unicast ? "unicast" : "multicast",
                     kind.param.interval / 1ms);
}

// Who is Active in the end: nothing that takes 10 ms.
class KeepalivedOrder : public KeepalivedTest {};
INSTANTIATE_TEST_SUITE_P(Settings, KeepalivedOrder,
                         testing::Values(Setting{false, 100ms}, Setting{true, 100ms}), name_of);
// How long it takes.
class KeepalivedTakeover : public KeepalivedTest {};
INSTANTIATE_TEST_SUITE_P(Settings, KeepalivedTakeover,
                         testing::Values(Setting{false, 10ms}, Setting{false, 100ms},
                                         Setting{true, 10ms}, Setting{true, 100ms}),
                         name_of);

TEST_P(KeepalivedOrder, active_first_keeps_the_vip_against_a_lower_vrrpd) {
  start_keepalived(150);
  ASSERT_TRUE(settles_on("lb2"));
  start_vrrpd();
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("Initialize -> Backup", 5s));
  EXPECT_TRUE(settles_on("lb2"));
}

TEST_P(KeepalivedOrder, of_higher_priority_preempts_an_active_vrrpd) {
  start_vrrpd();
  ASSERT_TRUE(settles_on("lb1"));
  watch();
  const TimePoint begin = Clock::now();
  start_keepalived(150);
  EXPECT_TRUE(settles_on("lb2"));
  EXPECT_TRUE(lab_->node("lb1").vrrpd->wait_for_output(
      "Active -> Backup (10.0.0.2 has priority 150 against our 100)", 2s));
  EXPECT_LE(arp_->log().dual_window(begin), GetParam().interval + kSlackOfKeepalived);
}

TEST_P(KeepalivedOrder, of_lower_priority_stays_backup_of_an_active_vrrpd) {
  start_vrrpd();
  ASSERT_TRUE(settles_on("lb1"));
  start_keepalived(50);
  ASSERT_TRUE(keepalived_->wait_for_output("Entering BACKUP STATE", 5s));
  EXPECT_TRUE(settles_on("lb1"));
}

TEST_P(KeepalivedOrder, of_lower_priority_and_active_first_is_left_in_peace) {
  start_keepalived(50);
  ASSERT_TRUE(settles_on("lb2"));
  start_vrrpd();
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("Initialize -> Backup", 5s));
  EXPECT_TRUE(settles_on("lb2"));  // vrrpd does not preempt unless told to
}

TEST_P(KeepalivedOrder, started_together_one_of_them_is_active) {
  start_keepalived(150);
  start_vrrpd();
  EXPECT_TRUE(settles_on("lb2"));
}

TEST_P(KeepalivedTakeover, killed_while_active_is_replaced_after_the_down_interval) {
  start_keepalived(150);
  ASSERT_TRUE(settles_on("lb2"));
  start_vrrpd();
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("Initialize -> Backup", 5s));
  watch();
  ASSERT_TRUE(eventually(
      2s, [&] { return udp_->log().last_answer() == "lb2"; }, "lb2 answers"));
  const TimePoint killed = Clock::now();
  kill_keepalived();  // which leaves its VIP behind: the test takes it away
  EXPECT_TRUE(
      moved_to("lb1", killed, active_down_interval(kVrrpdPriority, GetParam().interval) + kSlack));
  EXPECT_TRUE(settles_on("lb1"));
}

TEST_P(KeepalivedTakeover, stopped_while_active_is_replaced_after_skew_time) {
  start_keepalived(150);
  ASSERT_TRUE(settles_on("lb2"));
  start_vrrpd();
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("Initialize -> Backup", 5s));
  // Heard at least once, so that the resign means something.
  ASSERT_TRUE(holds_for(3 * GetParam().interval, [&] { return lab_->active_node() == "lb2"; }));
  watch();
  ASSERT_TRUE(eventually(
      2s, [&] { return udp_->log().last_answer() == "lb2"; }, "lb2 answers"));
  const TimePoint stopped = Clock::now();
  keepalived_->signal(SIGTERM);
  EXPECT_TRUE(moved_to("lb1", stopped, skew_time(kVrrpdPriority, GetParam().interval) + kSlack));
  EXPECT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("(peer 10.0.0.2 resigned)", 1s));
}

TEST_P(KeepalivedTakeover, takes_over_from_a_vrrpd_that_is_stopped) {
  ASSERT_NO_FATAL_FAILURE(let_vrrpd_lead());
  const TimePoint stopped = Clock::now();
  lab_->node("lb1").vrrpd->signal(SIGTERM);
  EXPECT_TRUE(moved_to("lb2", stopped, skew_time(50, GetParam().interval) + kSlackOfKeepalived));
  EXPECT_LE(arp_->log().dual_window(stopped), GetParam().interval);
}

TEST_P(KeepalivedTakeover, takes_over_from_a_vrrpd_whose_speaker_is_killed) {
  ASSERT_NO_FATAL_FAILURE(let_vrrpd_lead());
  const TimePoint killed = Clock::now();
  ::kill(lab_->node("lb1").vrrpd->children().at(0), SIGKILL);
  EXPECT_TRUE(moved_to("lb2", killed, skew_time(50, GetParam().interval) + kSlackOfKeepalived));
  EXPECT_LE(arp_->log().dual_window(killed), GetParam().interval);
}

}  // namespace
}  // namespace hapair::test
