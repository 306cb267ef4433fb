// How vrrpd and keepalived replace each other, killed or stopped: why, and in the order of how
// long. A resign is answered after Skew_Time, silence after three intervals and Skew_Time; the
// bounds here tell the one from the other with room for a busy machine, and what it takes to the
// millisecond is tests/bench's business. At 10 ms there is no such room: there only the reason
// counts.
#include "tests/interop/keepalived_lab.h"

namespace hapair::test {
namespace {

constexpr int kVrrpdPriority = 100;
constexpr int kLesser = 50;
constexpr int kGreater = 150;

class KeepalivedTakeover : public KeepalivedLab, public testing::WithParamInterface<Setting> {
 protected:
  /// keepalived is Active and vrrpd its Backup, which has heard it.
  void let_keepalived_lead() {
    ASSERT_NO_FATAL_FAILURE(build(GetParam(), {.priority = kVrrpdPriority}));
    start_keepalived({.priority = kGreater});
    ASSERT_TRUE(lab_->wait_active("lb2", 10s, vip_));
    start_vrrpd();
    ASSERT_TRUE(eventually(
        10s, [&] { return vrrpd_router(lab_->node("lb1").run_dir, router_).received() > 1; },
        "vrrpd hears keepalived"));
    ASSERT_NO_FATAL_FAILURE(watch("lb2"));
  }
  /// The other way round, whichever was first.
  void let_vrrpd_lead() {
    ASSERT_NO_FATAL_FAILURE(build(GetParam(), {.priority = kVrrpdPriority, .preempt = true}));
    start_keepalived({.priority = kLesser});
    ASSERT_TRUE(keepalived_is_backup());
    start_vrrpd();
    ASSERT_TRUE(settles_on("lb1"));
    ASSERT_NO_FATAL_FAILURE(watch("lb1"));
  }
  void watch(const char* node) {
    udp_ = std::make_unique<UdpProber>(lab_->client(), vip_);
    ASSERT_TRUE(eventually(
        5s, [&] { return udp_->log().last_answer() == node; }, "it answers"));
  }
  [[nodiscard]] testing::AssertionResult moves_to(std::string_view node, TimePoint since,
                                                  Duration within) {
    auto over = eventually(
        10 * GetParam().interval + 5s, [&] { return udp_->log().last_answer() == node; },
        "the VIP moved");
    if (!over) return over;
    const Duration outage = udp_->log().longest_gap(since);
    RecordProperty("outage_us", static_cast<int>(outage / 1us));
    if (GetParam().interval < 100ms || outage <= within) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "outage " << outage / 1us << " us";
  }
  /// Above Skew_Time of anybody, far below the silence that takes.
  [[nodiscard]] static Duration resigned() { return 2 * GetParam().interval; }
  [[nodiscard]] static Duration silent() { return 5 * GetParam().interval; }

  std::unique_ptr<UdpProber> udp_;
};

std::vector<Setting> settings() {
  std::vector<Setting> out = all_settings(200ms);
  for (const Setting& setting : all_settings(10ms)) {
    if (setting.version == 3) out.push_back(setting);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, KeepalivedTakeover, testing::ValuesIn(settings()),
                         [](const auto& kind) { return name_of(kind.param); });

TEST_P(KeepalivedTakeover, of_a_killed_keepalived_by_vrrpd) {
  ASSERT_NO_FATAL_FAILURE(let_keepalived_lead());
  const TimePoint killed = Clock::now();
  kill_keepalived();
  EXPECT_TRUE(moves_to("lb1", killed, silent()));
  EXPECT_TRUE(vrrpd_says(fmt::format("Backup -> Active (peer {} silent", keepalived_address())));
  EXPECT_TRUE(nothing_was_refused());
}

TEST_P(KeepalivedTakeover, of_a_stopped_keepalived_by_vrrpd) {
  ASSERT_NO_FATAL_FAILURE(let_keepalived_lead());
  const TimePoint stopped = Clock::now();
  keepalived_->signal(SIGTERM);
  EXPECT_TRUE(moves_to("lb1", stopped, resigned()));
  EXPECT_TRUE(vrrpd_says(fmt::format("Backup -> Active (peer {} resigned)", keepalived_address())));
  EXPECT_TRUE(nothing_was_refused());
}

TEST_P(KeepalivedTakeover, of_a_stopped_vrrpd_by_keepalived) {
  ASSERT_NO_FATAL_FAILURE(let_vrrpd_lead());
  const TimePoint stopped = Clock::now();
  EXPECT_TRUE(nothing_was_refused());
  vrrpd().signal(SIGTERM);
  EXPECT_TRUE(moves_to("lb2", stopped, resigned()));
  EXPECT_TRUE(keepalived_->wait_for_output("Entering MASTER STATE", 1s));
  EXPECT_EQ(lab_->active_node(vip_), "lb2");
}

TEST_P(KeepalivedTakeover, of_a_silent_vrrpd_by_keepalived) {
  ASSERT_NO_FATAL_FAILURE(let_vrrpd_lead());
  const TimePoint killed = Clock::now();
  lab_->lose_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(moves_to("lb2", killed, silent()));
}

}  // namespace
}  // namespace hapair::test
