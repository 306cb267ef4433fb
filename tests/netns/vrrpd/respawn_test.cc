// The speaker of the Active dies or stands still, and nobody notices; or it cannot be helped, and
// the other node serves.
#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Respawn : public RootTest {
 protected:
  void start(Duration interval, std::string vrrp = {}) {
    lab_.emplace(PairLab::Options{.advert_interval = interval,
                                  .servers = 0,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false,
                                  .vrrp = std::move(vrrp)});
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 5s));
    lab_->start("lb2");
    ASSERT_TRUE(lb2().wait_for_output("Initialize -> Backup", 5s));
    arp_ = lab_->watch_vip();
    udp_ = std::make_unique<UdpProber>(lab_->client(), PairLab::kVip);
    ASSERT_TRUE(eventually(
        2s, [&] { return udp_->log().last_answer() == "lb1"; }, "lb1 answers"));
  }

  [[nodiscard]] Process& lb1() { return *lab_->node("lb1").vrrpd; }
  [[nodiscard]] Process& lb2() { return *lab_->node("lb2").vrrpd; }
  [[nodiscard]] pid_t speaker() { return lb1().children().back(); }

  /// Kills the speaker and waits for the next one.
  pid_t kill_speaker() {
    const pid_t old = speaker();
    ::kill(old, SIGKILL);
    EXPECT_TRUE(eventually(
        5s, [&] { return in_place() > seen_; }, [&] { return lb1().err(); }));
    seen_ = in_place();
    return old;
  }
  size_t in_place() {
    const std::string log = lb1().err();
    size_t count = 0;
    for (size_t at = 0; (at = log.find("the next speaker is in place", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  }
  /// Who answered since then, other than lb1.
  std::vector<std::string> others(const ProbeLog& log, TimePoint since) {
    std::vector<std::string> out;
    for (const Stretch& stretch : log.stretches(since)) {
      if (stretch.who != "lb1") out.push_back(stretch.who);
    }
    return out;
  }
  std::optional<PairLab> lab_;
  std::unique_ptr<ArpProber> arp_;
  std::unique_ptr<UdpProber> udp_;
  size_t seen_ = 0;
};

TEST_F(Respawn, nobody_notices_that_the_speaker_was_killed) {
  start(100ms);
  // Every address that comes or goes on lb1 from now on.
  Process monitor({.argv = {"ip", "-o", "monitor", "address"}, .in = &lab_->node("lb1").inside});
  const TimePoint killed = Clock::now();
  kill_speaker();
  EXPECT_TRUE(holds_for(
      1s, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
  EXPECT_THAT(monitor.out(), Not(HasSubstr("Deleted")));
  EXPECT_THAT(others(arp_->log(), killed), testing::IsEmpty());
  EXPECT_EQ(udp_->log().unanswered(killed), 0U);
  EXPECT_THAT(lb2().err(), Not(HasSubstr("Backup -> Active")));
  // The state is the old one, and so is its time.
  EXPECT_THAT(lab_->pairadm("lb1", {"status"}).out, HasSubstr("Active"));
}

TEST_F(Respawn, twenty_times_in_a_row) {
  start(100ms);
  const TimePoint begin = Clock::now();
  for (int i = 0; i < 20; ++i) {
    kill_speaker();
    // Longer than a death that would be the same speaker's again.
    ASSERT_TRUE(holds_for(
        550ms, [&] { return lab_->active_node() == "lb1"; }, [&] { return lb1().err(); }));
  }
  EXPECT_THAT(others(arp_->log(), begin), testing::IsEmpty());
  EXPECT_EQ(udp_->log().unanswered(begin), 0U);
  EXPECT_THAT(lb2().err(), Not(HasSubstr("Backup -> Active")));
  EXPECT_EQ(lb1().children().size(), 1U) << "nothing is left of the dead ones";
}

// At 10 ms the peer waits for 36 ms: this is where it must be quick. A busy machine may be slower
// than that now and then; the figures are the bench's.
TEST_F(Respawn, at_ten_milliseconds_the_next_speaker_is_in_time) {
  start(10ms);
  int moved = 0;
  std::vector<double> took;
  for (int i = 0; i < 10; ++i) {
    kill_speaker();
    ASSERT_TRUE(eventually(
        3s, [&] { return lab_->holders().size() == 1; }, "one of them has it"));
    const std::string log = lb1().err();
    const size_t at = log.rfind("is in place after ");
    took.push_back(std::strtod(log.c_str() + at + 18, nullptr));
    if (lab_->active_node() != "lb1") {
      ++moved;
      break;
    }
    (void)holds_for(
        550ms, [&] { return lab_->active_node() == "lb1"; }, "");
  }
  std::sort(took.begin(), took.end());
  fmt::print("in place after {} us (median), {} us (worst)\n", took[took.size() / 2], took.back());
  EXPECT_LE(moved, 1);
  EXPECT_LT(took[took.size() / 2], 30'000);
}

TEST_F(Respawn, a_stopped_speaker_is_killed_and_replaced) {
  start(100ms);
  const TimePoint stopped = Clock::now();
  const pid_t old = speaker();
  ::kill(old, SIGSTOP);
  EXPECT_TRUE(lb1().wait_for_output("the speaker stands still for ", 5s));
  EXPECT_TRUE(lb1().wait_for_output("the next speaker is in place", 5s));
  EXPECT_TRUE(eventually(
      5s,
      [&] {
        const auto now = lb1().children();
        return now.size() == 1 && now[0] != old;
      },
      "the old one is gone"));
  // Its peer waited three intervals and a part of the fourth: it may or may not have taken over by
  // now, but one of them serves.
  EXPECT_TRUE(eventually(
      2s, [&] { return lab_->holders().size() == 1; }, "one serves"));
  EXPECT_LE(arp_->log().dual_window(stopped), 100ms + 25ms);
}

TEST_F(Respawn, a_stopped_backup_is_replaced_as_well) {
  start(100ms);
  ::kill(lb2().children().back(), SIGSTOP);
  EXPECT_TRUE(lb2().wait_for_output("the speaker stands still for 1", 5s));
  EXPECT_TRUE(lb2().wait_for_output("the next speaker is in place", 5s));
  lb1().terminate(3s);
  EXPECT_TRUE(lab_->wait_active("lb2", 5s));
}

// The whole node stands still for longer than the kernel's lease, and wakes up: it must not say a
// word before it has listened.
TEST_F(Respawn, a_node_that_slept_does_not_speak_before_it_has_listened) {
  start(100ms);
  Process capture({.argv = {"tcpdump", "-n", "-l", "-i", "eth0", "-Q", "in", "src", "10.0.0.1",
                            "and", "proto", "112"},
                   .in = &lab_->node("lb2").inside});
  ASSERT_TRUE(capture.wait_for_output("prio 150", 5s)) << "it sees what lb1 says";
  const pid_t child = speaker();
  lb1().signal(SIGSTOP);
  ::kill(child, SIGSTOP);
  ASSERT_TRUE(lab_->wait_active("lb2", 60s)) << "the lease of the VIP has ended as well";
  const size_t said = capture.out().size();
  const TimePoint woke = Clock::now();
  ::kill(child, SIGCONT);
  lb1().signal(SIGCONT);
  EXPECT_TRUE(lb1().wait_for_output("Active -> Backup", 5s));
  EXPECT_TRUE(holds_for(
      1s, [&] { return lab_->active_node() == "lb2"; }, "lb2 keeps the VIP"));
  EXPECT_THAT(capture.out().substr(said), Not(HasSubstr("prio 150")));
  EXPECT_LE(arp_->log().dual_window(woke), 100ms);
  EXPECT_THAT(lb1().err(), Not(HasSubstr("kills it"))) << "it slept itself";
}

// Every next speaker is killed as it comes: the VIP must not stay with a node that cannot serve.
TEST_F(Respawn, one_that_dies_again_and_again_gives_the_vip_away) {
  start(100ms);
  const TimePoint begin = Clock::now();
  std::vector<pid_t> killed;
  EXPECT_TRUE(eventually(
      10s,
      [&] {
        for (const pid_t child : lb1().children()) {
          if (std::find(killed.begin(), killed.end(), child) != killed.end()) continue;
          ::kill(child, SIGKILL);
          killed.push_back(child);
        }
        return lab_->active_node() == "lb2";
      },
      [&] { return lb1().err(); }));
  EXPECT_TRUE(
      lb1().wait_for_output("the speaker died again as it took over: released 1 address", 5s));
  EXPECT_LE(arp_->log().dual_window(begin), 100ms + 25ms);
  // Left alone, it comes back and stays Backup.
  EXPECT_TRUE(eventually(
      15s,
      [&] {
        const std::string log = lb1().err();
        return log.find("Initialize -> Backup", log.find("released 1")) != std::string::npos;
      },
      "Backup again"));
  EXPECT_TRUE(holds_for(
      300ms, [&] { return lab_->active_node() == "lb2"; }, "lb2 keeps it"));
}

TEST_F(Respawn, an_invalid_file_does_not_keep_it_from_going_on) {
  start(100ms, "announcements = 3\n");
  const std::string good = lab_->config();
  std::string better = good;
  better.replace(better.find("priority@lb1 = 150"), 18, "priority@lb1 = 151");
  lab_->write_config(better);
  lb1().signal(SIGHUP);
  ASSERT_TRUE(lb1().wait_for_output("config: reloaded", 5s));
  lab_->write_config("[vrrp\n");
  kill_speaker();
  EXPECT_THAT(lab_->pairadm("lb1", {"status"}).out, HasSubstr("priority 151"));
  EXPECT_TRUE(holds_for(
      500ms, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
}

// The run directory does not matter to the VIPs, nor does what is in it.
TEST_F(Respawn, without_its_run_directory_it_goes_on_and_serves_status_later) {
  start(100ms);
  const std::string& dir = lab_->node("lb1").run_dir;
  ASSERT_EQ(::rename(dir.c_str(), (dir + ".away").c_str()), 0);
  kill_speaker();
  EXPECT_TRUE(holds_for(
      500ms, [&] { return lab_->active_node() == "lb1"; }, "lb1 keeps the VIP"));
  EXPECT_TRUE(lb1().wait_for_output("control: ", 5s));
  ASSERT_EQ(::rename((dir + ".away").c_str(), dir.c_str()), 0);
  EXPECT_TRUE(eventually(
      5s, [&] { return lab_->pairadm("lb1", {"status"}).out.find("Active") != std::string::npos; },
      "status is served again"));
}

}  // namespace
}  // namespace hapair::test
