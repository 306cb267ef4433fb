// A router with hundreds of VIPs: all of them are there and answer, and its advertisements go on
// while they are added, announced, renewed, taken away and put back.
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/netns/vrrpd/one_node.h"
#include "tests/support/prober.h"
#include "tests/support/wire_tap.h"

namespace hapair::test {
namespace {

// What the machine may add to two intervals of 10 ms.
constexpr Duration kSlack = 60ms;
constexpr uint8_t kVrid = 51;

const IpAddress kLb1 = IpAddress::parse("10.0.0.1").value();

/// 200 host addresses of the LAN, none of them another station's.
std::vector<std::string> extras() {
  std::vector<std::string> out;
  for (int i = 1; i <= 200; ++i) out.push_back(fmt::format("10.0.2.{}", i));
  return out;
}

std::string lines(const std::vector<std::string>& addresses) {
  std::string out;
  for (size_t i = 0; i < addresses.size(); ++i) {
    out += fmt::format("extra_addresses.{} = {}/32\n", i + 1, addresses[i]);
  }
  return out;
}

class ManyAddresses : public OneNode {
 protected:
  void SetUp() override {
    OneNode::SetUp();
    if (IsSkipped() || HasFailure()) return;
    replace_in_config("vrid = 51\n", "vrid = 51\n" + lines(extras()));
    lab_->client().ip("route add 10.0.2.0/24 dev eth0");
    tap_ = std::make_unique<WireTap>(lab_->observer(), "eth0");
  }

  [[nodiscard]] std::set<std::string> held() {
    const auto all = lb1().inside.addresses();
    return {all.begin(), all.end()};
  }
  [[nodiscard]] testing::AssertionResult holds_all(Duration within) {
    return eventually(
        within,
        [&] {
          const auto now = held();
          const auto wanted = extras();
          return std::ranges::all_of(wanted,
                                     [&](const std::string& vip) { return now.contains(vip); });
        },
        [&] { return fmt::format("all VIPs; there are {} addresses", held().size()); });
  }
  /// Which of them answer the client, each resolved by ARP.
  [[nodiscard]] std::set<std::string> answering() {
    return lab_->client().run([&] {
      const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const timeval limit{.tv_sec = 0, .tv_usec = 300'000};
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      std::set<std::string> out;
      for (const std::string& vip : extras()) {
        sockaddr_storage to{};
        const Endpoint end{.ip = IpAddress::parse(vip).value(), .port = Responder::kPort};
        const socklen_t length = end.to_sockaddr(to);
        const uint64_t probe = 1;
        ::sendto(fd.get(), &probe, sizeof probe, 0, reinterpret_cast<sockaddr*>(&to), length);
        sockaddr_storage from{};
        socklen_t from_length = sizeof from;
        std::array<char, 64> answer{};
        if (::recvfrom(fd.get(), answer.data(), answer.size(), 0,
                       reinterpret_cast<sockaddr*>(&from), &from_length) > 0) {
          out.insert(Endpoint::from_sockaddr(from).ip.to_string());
        }
      }
      return out;
    });
  }

  std::unique_ptr<WireTap> tap_;
};

TEST_F(ManyAddresses, are_all_there_and_no_advertisement_is_missing_while_they_come) {
  const TimePoint begin = Clock::now();
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(holds_all(5s));
  const TimePoint all_there = Clock::now();
  EXPECT_EQ(answering().size(), extras().size());
  // Every one was announced, and renewed a few times meanwhile.
  EXPECT_TRUE(eventually(
      5s,
      [&] {
        std::set<IpAddress> announced;
        for (const auto& heard : tap_->announcements(begin)) announced.insert(heard.vip);
        return announced.size() == extras().size() + 1;
      },
      "all announced"));
  EXPECT_TRUE(holds_for(
      2500ms, [&] { return has("10.0.2.200"); }, "the leases are renewed"));
  ASSERT_TRUE(holds_all(0s));
  const Duration gap = tap_->worst_gap(kLb1, kVrid, begin);
  fmt::print("200 VIPs: all there {} ms after the start, worst gap between advertisements {} us\n",
             (all_there - begin) / 1ms, gap / 1us);
  EXPECT_LE(gap, 2 * 10ms + kSlack);
}

TEST_F(ManyAddresses, all_removed_by_somebody_are_back_without_a_change_of_state) {
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(holds_all(5s));
  const uint64_t transitions = status().routers(0).transitions();
  const TimePoint flushed = Clock::now();
  lb1().inside.ip("addr flush dev eth0 to 10.0.2.0/24");
  EXPECT_TRUE(holds_all(2s));
  EXPECT_TRUE(vrrpd().wait_for_output("removed from eth0, by somebody", 1s));
  EXPECT_EQ(answering().size(), extras().size());
  EXPECT_EQ(status().routers(0).transitions(), transitions);
  // All that may take less time than an interval.
  ASSERT_TRUE(eventually(
      1s, [&] { return tap_->worst_gap(kLb1, kVrid, flushed) != Duration::max(); },
      "two advertisements since"));
  EXPECT_LE(tap_->worst_gap(kLb1, kVrid, flushed), 2 * 10ms + kSlack);
}

TEST_F(ManyAddresses, are_all_gone_when_it_stops) {
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(holds_all(5s));
  const TimePoint stopped = Clock::now();
  EXPECT_EQ(vrrpd().terminate(3s).code, 0);
  EXPECT_THAT(held(), testing::UnorderedElementsAre("10.0.0.1", "10.0.1.1", "10.255.0.1"));
  fmt::print("200 VIPs: gone {} us after SIGTERM\n", (Clock::now() - stopped) / 1us);
}

TEST_F(ManyAddresses, come_and_go_one_by_one_with_a_reload) {
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(holds_all(5s));
  const TimePoint begin = Clock::now();
  replace_in_config("10.0.2.200/32", "10.0.2.201/32");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(eventually(
      2s, [&] { return has("10.0.2.201") && !has("10.0.2.200"); }, "the new one"));
  const IpAddress vip = IpAddress::parse("10.0.2.201").value();
  EXPECT_TRUE(eventually(
      2s, [&] { return tap_->first_announcement(vip, begin) != TimePoint::max(); }, "announced"));
  EXPECT_EQ(status().routers(0).transitions(), 2U);
}

}  // namespace
}  // namespace hapair::test
