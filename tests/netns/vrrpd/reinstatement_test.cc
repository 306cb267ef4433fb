// What the Active does when somebody touches its addresses: back and announced at once, no change
// of state, no advertisement missing; and that its own coming and going touches nobody else's.
#include <algorithm>
#include <csignal>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "tests/netns/vrrpd/one_node.h"
#include "tests/support/wire_tap.h"
#include "vrrpd/kernel/netlink_address.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

constexpr Duration kInterval = 10ms;
constexpr Duration kSlack = 60ms;  // what the machine may add
constexpr uint8_t kVrid = 51;

const IpAddress kLb1 = IpAddress::parse("10.0.0.1").value();
const IpAddress kVip = IpAddress::parse(PairLab::kVip).value();

class Reinstatement : public OneNode {
 protected:
  void SetUp() override {
    OneNode::SetUp();
    if (IsSkipped() || HasFailure()) return;
    tap_ = std::make_unique<WireTap>(lab_->observer(), "eth0");
  }
  /// As `ip addr del` does it, without the time that a program takes to start. Returns when.
  TimePoint remove_vip() {
    return lb1().inside.run([] {
      vrrp::NetlinkAddress kernel;
      const auto eth0 = static_cast<int>(::if_nametoindex("eth0"));
      const std::array vip{Prefix{.ip = kVip, .length = 32}};
      const TimePoint before = Clock::now();
      (void)kernel.remove(eth0, vip);
      return before;
    });
  }
  [[nodiscard]] testing::AssertionResult announced_since(TimePoint since) {
    return eventually(
        2s, [&] { return tap_->first_announcement(kVip, since) != TimePoint::max(); }, "announced");
  }

  std::unique_ptr<WireTap> tap_;
};

TEST_F(Reinstatement, a_removed_vip_is_back_and_announced_within_milliseconds) {
  ASSERT_TRUE(becomes_active());
  const uint64_t transitions = status().routers(0).transitions();
  // The announcements of the takeover are not those that count.
  ASSERT_TRUE(eventually(
      5s, [&] { return tap_->announcements({}).size() >= 8; }, "announced four times"));
  const TimePoint begin = Clock::now();
  std::vector<Duration> took;
  for (int i = 0; i < 100; ++i) {
    const TimePoint removed = remove_vip();
    ASSERT_TRUE(announced_since(removed)) << i;
    took.push_back(tap_->first_announcement(kVip, removed) - removed);
    ASSERT_TRUE(has(PairLab::kVip));
  }
  std::ranges::sort(took);
  const Duration gap = tap_->worst_gap(kLb1, kVrid, begin);
  fmt::print(
      "a removed VIP: announced again after {} us (median), {} us (max) of 100; worst gap "
      "between advertisements {} us\n",
      took[50] / 1us, took.back() / 1us, gap / 1us);
  EXPECT_LT(took[50], 50ms);
  EXPECT_LE(gap, 2 * kInterval + kSlack);
  EXPECT_EQ(status().routers(0).transitions(), transitions);
}

TEST_F(Reinstatement, takeover_and_release_leave_secondary_addresses_alone) {
  lb1().inside.sysctl("ipv4.conf.eth0.promote_secondaries", "0");
  lb1().inside.ip("addr add 10.0.0.21/24 dev eth0");  // secondaries of 10.0.0.1
  lb1().inside.ip("addr add 10.0.0.22/24 dev eth0");
  replace_in_config("addresses = 10.0.0.100/24", "addresses = 10.0.0.100/24, 192.0.2.100/24");
  ASSERT_TRUE(becomes_active());
  // In the foreign network of a VIP, after it: it must not become a secondary of the VIP.
  lb1().inside.ip("addr add 192.0.2.7/24 dev eth0");
  EXPECT_THAT(lb1().inside.ip("route get 192.0.2.9"), HasSubstr("dev eth0 src 192.0.2."));
  EXPECT_EQ(vrrpd().terminate(3s).code, 0);
  for (const char* address : {"10.0.0.1", "10.0.0.21", "10.0.0.22", "192.0.2.7"}) {
    EXPECT_TRUE(has(address)) << address;
  }
  EXPECT_FALSE(has("10.0.0.100"));
  EXPECT_FALSE(has("192.0.2.100"));
  EXPECT_EQ(lb1().inside.ip("route show proto 247"), "");
  EXPECT_THAT(lb1().inside.ip("route get 192.0.2.9"), HasSubstr("dev eth0 src 192.0.2.7"));
}

TEST_F(Reinstatement, a_hundred_reloads_move_nothing_and_delay_nothing) {
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(eventually(
      2s, [&] { return status().routers_size() == 1; }, "status"));
  const std::string good = lab_->config();
  const uint64_t transitions = status().routers(0).transitions();
  const TimePoint begin = Clock::now();
  for (int i = 0; i < 100; ++i) {
    std::string text = good;
    if (i % 3 == 0) text += "[vrrp\n";  // invalid
    if (i % 3 == 1) {
      text.insert(text.find("vrid = 51\n"),
                  fmt::format("extra_addresses = 10.0.0.{}/24, 10.0.0.{}/24\n", 100 + i, 101 + i));
    }
    if (i % 3 == 2) {
      text.insert(text.find("vrid = 51\n"),
                  fmt::format("announce_refresh = {}s\nsync_wait = {}s\n", 5 + i, i));
    }
    lab_->write_config(text);
    vrrpd().signal(SIGHUP);
    // The next one when the wire has carried on: reloads overlap and follow each other closely.
    const size_t seen = tap_->advertisements(begin).size();
    ASSERT_TRUE(eventually(
        2s, [&] { return tap_->advertisements(begin).size() > seen; }, "advertisements go on"));
  }
  lab_->write_config(good);
  vrrpd().signal(SIGHUP);
  ASSERT_TRUE(eventually(
      5s, [&] { return status().routers(0).router().name() == "main"; }, "it answers"));
  const Duration gap = tap_->worst_gap(kLb1, kVrid, begin);
  fmt::print("100 reloads: worst gap between advertisements {} us\n", gap / 1us);
  EXPECT_LE(gap, 2 * kInterval + kSlack);
  EXPECT_EQ(status().routers(0).transitions(), transitions);
  EXPECT_TRUE(has(PairLab::kVip));
  EXPECT_TRUE(vrrpd().wait_for_output("the new configuration is invalid, nothing was changed", 5s));
}

}  // namespace
}  // namespace hapair::test
