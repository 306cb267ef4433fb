#include "vrrpd/track/link_debounce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vrrpd/track/track_interface.h"

namespace hapair::vrrp {
namespace {

constexpr TimePoint kNow{1000s};

TEST(LinkDebounce, what_is_up_at_first_counts_at_once) {
  LinkDebounce link;
  EXPECT_FALSE(link.counts_as_up(kNow, 0ms)) << "nothing is known";
  link.see(true, kNow);
  EXPECT_TRUE(link.counts_as_up(kNow, 200ms));
  EXPECT_EQ(link.due(kNow, 200ms), std::nullopt);
}

TEST(LinkDebounce, goes_down_at_once_and_comes_back_when_it_has_lasted) {
  LinkDebounce link;
  link.see(true, kNow);
  link.see(false, kNow + 1s);
  EXPECT_FALSE(link.counts_as_up(kNow + 1s, 200ms));
  EXPECT_EQ(link.due(kNow + 1s, 200ms), std::nullopt) << "down, nothing to wait for";
  link.see(true, kNow + 2s);
  link.see(true, kNow + 2s + 100ms);  // said again
  EXPECT_FALSE(link.counts_as_up(kNow + 2s + 199ms, 200ms));
  EXPECT_EQ(link.due(kNow + 2s, 200ms), kNow + 2s + 200ms);
  EXPECT_TRUE(link.counts_as_up(kNow + 2s + 200ms, 200ms));
}

TEST(LinkDebounce, each_flap_begins_anew) {
  LinkDebounce link;
  link.see(true, kNow);
  TimePoint now = kNow;
  for (int i = 0; i < 10; ++i) {
    link.see(false, now += 50ms);
    link.see(true, now += 150ms);
    EXPECT_FALSE(link.counts_as_up(now + 199ms, 200ms));
  }
  EXPECT_TRUE(link.counts_as_up(now + 200ms, 200ms));
  EXPECT_TRUE(link.counts_as_up(now, 0ms)) << "without debounce";
}

TEST(TrackInterface, is_a_name_with_or_without_a_weight) {
  EXPECT_EQ(*parse_track_interface("eth1"), (TrackInterface{.name = "eth1"}));
  EXPECT_EQ(*parse_track_interface("eth1 weight -20"),
            (TrackInterface{.name = "eth1", .weight = -20}));
  EXPECT_EQ(*parse_track_interface("eth1 weight 253"),
            (TrackInterface{.name = "eth1", .weight = 253}));
  for (const char* wrong : {"eth1 weight", "eth1 weight 0", "eth1 weight 254", "eth1 weight -254",
                            "eth1 heavy 3", "eth1 weight 3 4", "eth1 weight x"}) {
    const auto parsed = parse_track_interface(wrong);
    ASSERT_FALSE(parsed.has_value()) << wrong;
    EXPECT_THAT(parsed.error().message, testing::HasSubstr("valid: NAME, or NAME weight N"));
  }
  EXPECT_FALSE(parse_track_interface("averylongnamefor1").has_value());
}

}  // namespace
}  // namespace hapair::vrrp
