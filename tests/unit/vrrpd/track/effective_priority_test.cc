#include "vrrpd/track/effective_priority.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

Tracked::Thing thing(int weight, std::optional<bool> good, std::string reason = "it is bad") {
  return {.weight = weight, .good = good, .reason = std::move(reason)};
}

TEST(Tracked, nothing_changes_nothing) {
  const Tracked none;
  EXPECT_EQ(none.priority(150), 150);
  EXPECT_EQ(none.fault(), "");
  EXPECT_EQ(none.why(150), "");
}

TEST(Tracked, bad_without_weight_is_a_fault_and_leaves_the_priority) {
  Tracked all;
  all.set("track nginx", thing(0, false, "exited with 1"));
  all.set("interface eth1", thing(0, false, "no carrier"));
  all.set("track dns", thing(0, true));
  all.set("track slow", thing(-10, false));
  EXPECT_EQ(all.fault(), "interface eth1: no carrier; track nginx: exited with 1");
  EXPECT_EQ(all.priority(150), 140);
}

TEST(Tracked, a_negative_weight_counts_while_bad_a_positive_one_while_good) {
  Tracked all;
  all.set("track a", thing(-60, false, "exited with 1"));
  all.set("track b", thing(-5, true));
  all.set("track c", thing(20, true));
  all.set("track d", thing(7, false));
  EXPECT_EQ(all.priority(150), 110);
  EXPECT_EQ(all.why(150), "150 - 60 (track a: exited with 1) + 20 (track c is good)");
  EXPECT_EQ(all.fault(), "");
}

TEST(Tracked, without_a_verdict_it_counts_for_nothing) {
  Tracked all;
  all.set("track a", thing(-60, std::nullopt));
  all.set("track b", thing(60, std::nullopt));
  all.set("track c", thing(0, std::nullopt));
  EXPECT_EQ(all.priority(100), 100);
  EXPECT_EQ(all.fault(), "");
}

TEST(Tracked, stays_an_ordinary_priority) {
  Tracked all;
  all.set("track a", thing(-253, false));
  EXPECT_EQ(all.priority(100), 1);
  all.set("track a", thing(253, true));
  EXPECT_EQ(all.priority(100), 254);
}

TEST(Tracked, an_owner_keeps_255) {
  Tracked all;
  all.set("track a", thing(-60, false));
  EXPECT_EQ(all.priority(255), 255);
  EXPECT_EQ(all.why(255), "");
}

TEST(Tracked, what_is_removed_counts_no_more) {
  Tracked all;
  all.set("track a", thing(0, false));
  all.keep_only([](const std::string& name) { return name != "track a"; });
  EXPECT_EQ(all.fault(), "");
}

}  // namespace
}  // namespace hapair::vrrp
