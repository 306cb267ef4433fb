// Who is Active when vrrpd and keepalived elect: both priorities, both preempt settings, who was
// there first; in; the node that has the VIPs in the end, out. Nothing here depends on how long it
// takes.
#include <tuple>

#include "tests/interop/keepalived_lab.h"

namespace hapair::test {
namespace {

enum class First : uint8_t { vrrpd, keepalived, together };

struct Case {
  const char* name;
  int vrrpd_priority;
  bool vrrpd_preempts;
  int keepalived_priority;
  bool keepalived_preempts;
  First first;
  const char* active;  // lb1 has vrrpd, lb2 keepalived
};

// clang-format off
constexpr Case kCases[] = {
    {"greater_keepalived_keeps_what_it_has",          100, false, 150, true,  First::keepalived, "lb2"},
    {"greater_keepalived_preempts",                   100, false, 150, true,  First::vrrpd,      "lb2"},
    {"greater_keepalived_with_nopreempt_waits",       100, false, 150, false, First::vrrpd,      "lb1"},
    {"lesser_keepalived_waits",                       100, false,  50, true,  First::vrrpd,      "lb1"},
    {"lesser_keepalived_keeps_what_it_has",           100, false,  50, true,  First::keepalived, "lb2"},
    {"lesser_keepalived_is_preempted",                100, true,   50, true,  First::keepalived, "lb1"},
    {"greater_keepalived_is_not_preempted",           100, true,  150, true,  First::keepalived, "lb2"},
    {"equal_keepalived_keeps_what_it_has",            100, true,  100, true,  First::keepalived, "lb2"},
    {"equal_keepalived_waits",                        100, false, 100, true,  First::vrrpd,      "lb1"},
    {"together_the_greater_one_wins",                 100, false, 150, true,  First::together,   "lb2"},
};
// clang-format on

class KeepalivedElection : public KeepalivedLab,
                           public testing::WithParamInterface<std::tuple<Setting, Case>> {};

INSTANTIATE_TEST_SUITE_P(All, KeepalivedElection,
                         testing::Combine(testing::ValuesIn(all_settings(100ms)),
                                          testing::ValuesIn(kCases)),
                         [](const auto& kind) {
                           return fmt::format("{}_{}", name_of(std::get<Setting>(kind.param)),
                                              std::get<Case>(kind.param).name);
                         });

TEST_P(KeepalivedElection, ends_with) {
  const Case& test = std::get<Case>(GetParam());
  ASSERT_NO_FATAL_FAILURE(build(std::get<Setting>(GetParam()),
                                {.priority = test.vrrpd_priority, .preempt = test.vrrpd_preempts}));
  const Keepalived keepalived{.priority = test.keepalived_priority,
                              .preempt = test.keepalived_preempts};
  if (test.first == First::vrrpd) {
    start_vrrpd();
    ASSERT_TRUE(lab_->wait_active("lb1", 10s, vip_));
    start_keepalived(keepalived);
    ASSERT_TRUE(keepalived_is_backup());
  } else {
    start_keepalived(keepalived);
    if (test.first == First::keepalived) {
      ASSERT_TRUE(lab_->wait_active("lb2", 10s, vip_));
    }
    start_vrrpd();
    ASSERT_TRUE(vrrpd_says("Initialize -> Backup"));
  }
  EXPECT_TRUE(settles_on(test.active));
  EXPECT_TRUE(nothing_was_refused());
  if (std::string_view(test.active) == "lb2") {
    EXPECT_GT(vrrpd_router(lab_->node("lb1").run_dir, router_).received(), 0U);
  }
}

// --- Both Active with equal priorities: the greater address stays --------------------------------

class KeepalivedTie : public KeepalivedLab,
                      public testing::WithParamInterface<std::tuple<Setting, const char*>> {};

INSTANTIATE_TEST_SUITE_P(All, KeepalivedTie,
                         testing::Combine(testing::ValuesIn(all_settings(100ms)),
                                          testing::Values("lb1", "lb2")),
                         [](const auto& kind) {
                           return fmt::format("{}_vrrpd_on_{}",
                                              name_of(std::get<Setting>(kind.param)),
                                              std::get<const char*>(kind.param));
                         });

TEST_P(KeepalivedTie, of_two_actives_the_one_with_the_greater_address_stays) {
  ASSERT_NO_FATAL_FAILURE(
      build(std::get<Setting>(GetParam()), {.on = std::get<const char*>(GetParam())}));
  lab_->lan().set_forwarding(lab_->node("lb2").inside, "eth0", false);
  start_vrrpd();
  start_keepalived({.priority = 100});
  ASSERT_TRUE(eventually(
      15s, [&] { return lab_->holders(vip_).size() == 2; }, "both are Active"));
  lab_->lan().set_forwarding(lab_->node("lb2").inside, "eth0", true);
  EXPECT_TRUE(settles_on("lb2"));
  EXPECT_TRUE(nothing_was_refused());
  if (vrrpd_on_ == "lb1") {
    EXPECT_TRUE(vrrpd_says(
        fmt::format("Active -> Backup ({} has the same priority 100 and the greater address)",
                    keepalived_address())));
  }
}

}  // namespace
}  // namespace hapair::test
