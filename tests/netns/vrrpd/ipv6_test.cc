// An IPv6 router: what a client notices of a failover, how its neighbour entry follows, and what
// the addresses look like to the kernel. Beside it, on the same interface and with the same VRID,
// an IPv4 router, which has to be none of its business.
#include <array>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "tests/netns/vrrpd/one_node.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr Duration kInterval = 10ms;
constexpr Duration kSlack = 60ms;  // this machine may be busy; tests/bench measures
constexpr const char* kVip = PairLab::kVipSix;
constexpr const char* kLinkLocalVip = "fe80::100";

PairLab::Options options(bool unicast) {
  return {.advert_interval = kInterval,
          .servers = 0,
          .unicast = unicast,
          .ipv6 = true,
          .boot_hold = 0ms,
          .with_lbcore = false,
          .with_servers = false};
}

/// One line of `ip -6 addr` per IPv6 address of an interface.
std::string shown(const Namespace& inside, std::string_view address) {
  return inside.ip(fmt::format("-6 -o addr show dev eth0 to {}", address));
}

// --- Two nodes -----------------------------------------------------------------------------------

enum class Sending : uint8_t { multicast, unicast, link_local_unicast };

class SixFailover : public RootTest, public testing::WithParamInterface<Sending> {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(options(GetParam() != Sending::multicast));
    if (GetParam() == Sending::link_local_unicast) use_link_local_peers();
    lab_->start_vrrpd("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 5s, kVip));
    lab_->start_vrrpd("lb2");
    ASSERT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("vrrp six: Initialize -> Backup", 5s));
  }
  void use_link_local_peers() {
    std::string config = lab_->config();
    for (const char number : {'1', '2'}) {
      const Namespace& inside = lab_->node(fmt::format("lb{}", number)).inside;
      inside.ip("link set eth0 addrgenmode none");
      inside.ip("-6 addr flush dev eth0 scope link");
      inside.ip(fmt::format("addr add fe80::{}/64 dev eth0", number));
      const std::string global = fmt::format("= 2001:db8::{}\n", number);
      config.replace(config.find(global), global.size(), fmt::format("= fe80::{}\n", number));
    }
    lab_->write_config(config);
  }
  void watch() {
    udp_ = std::make_unique<UdpProber>(lab_->client(), kVip);
    ASSERT_TRUE(eventually(
        2s, [&] { return udp_->log().last_answer() == "lb1"; }, "lb1 answers"));
  }
  [[nodiscard]] testing::AssertionResult lb2_takes_over(TimePoint since, Duration within) {
    auto over = eventually(
        2s, [&] { return udp_->log().last_answer() == "lb2"; }, "lb2 answers");
    if (!over) return over;
    const Duration outage = udp_->log().longest_gap(since);
    RecordProperty("outage_us", static_cast<int>(outage / 1us));
    if (outage <= within) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "outage " << outage / 1us << " us";
  }

  std::optional<PairLab> lab_;
  std::unique_ptr<UdpProber> udp_;
};

std::string name_of(const testing::TestParamInfo<Sending>& kind) {
  constexpr std::array kNames{"multicast", "unicast", "link_local_unicast"};
  return kNames.at(static_cast<size_t>(kind.param));
}

INSTANTIATE_TEST_SUITE_P(All, SixFailover,
                         testing::Values(Sending::multicast, Sending::unicast,
                                         Sending::link_local_unicast),
                         name_of);

TEST_P(SixFailover, a_silent_node_is_replaced_after_the_down_interval) {
  ASSERT_NO_FATAL_FAILURE(watch());
  const TimePoint lost = Clock::now();
  lab_->lose_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(lb2_takes_over(lost, vrrp::active_down_interval(100, kInterval) + kSlack));
}

TEST_P(SixFailover, stopped_with_sigterm_it_resigns_and_takes_its_addresses_away) {
  ASSERT_NO_FATAL_FAILURE(watch());
  const TimePoint stopped = Clock::now();
  EXPECT_EQ(lab_->node("lb1").vrrpd->terminate(3s).code, 0);
  EXPECT_TRUE(lb2_takes_over(stopped, vrrp::skew_time(100, kInterval) + kSlack));
  EXPECT_EQ(shown(lab_->node("lb1").inside, kVip), "");
  EXPECT_EQ(shown(lab_->node("lb1").inside, kLinkLocalVip), "");
  EXPECT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("peer lb1 resigned on the pair path", 1s));
}

TEST_P(SixFailover, a_lost_carrier_releases_the_vips_and_its_return_makes_a_backup) {
  // As on a machine that is not a test: an address is checked for duplicates.
  lab_->node("lb1").inside.sysctl("ipv6.conf.eth0.accept_dad", "1");
  ASSERT_NO_FATAL_FAILURE(watch());
  const TimePoint lost = Clock::now();
  lab_->lose_node("lb1", PairLab::How::carrier);
  EXPECT_TRUE(lb2_takes_over(lost, vrrp::active_down_interval(100, kInterval) + kSlack));
  EXPECT_TRUE(eventually(
      1s, [&] { return !lab_->node("lb1").inside.has_address(kVip); }, "lb1 released the VIP"));
  lab_->return_node("lb1", PairLab::How::carrier);
  EXPECT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("vrrp six: Initialize -> Backup", 5s));
  EXPECT_TRUE(holds_for(
      200ms, [&] { return lab_->active_node(kVip) == "lb2"; }, "lb2 keeps the VIP"));
}

TEST_P(SixFailover, a_returning_node_leaves_the_role_where_it_is) {
  lab_->node("lb1").vrrpd->terminate(3s);
  ASSERT_TRUE(lab_->wait_active("lb2", 2s, kVip));
  lab_->start_vrrpd("lb1");
  ASSERT_TRUE(lab_->node("lb1").vrrpd->wait_for_output("vrrp six: Initialize -> Backup", 5s));
  EXPECT_TRUE(holds_for(
      300ms, [&] { return lab_->active_node(kVip) == "lb2"; }, "lb2 keeps the VIP"));
}

TEST_P(SixFailover, a_healed_partition_leaves_one_active) {
  lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", false);
  lab_->lan().set_forwarding(lab_->node("lb2").inside, "eth0", false);
  ASSERT_TRUE(eventually(
      2s, [&] { return lab_->holders(kVip).size() == 2; }, "both are Active"));
  lab_->lan().set_forwarding(lab_->node("lb2").inside, "eth0", true);
  ASSERT_TRUE(lab_->wait_active("lb1", 2s, kVip));
  ASSERT_NO_FATAL_FAILURE(watch());
}

TEST_P(SixFailover, the_clients_neighbour_entry_follows_without_a_word_of_the_client) {
  const auto entry = [&] {
    return lab_->client().ip(fmt::format("-6 neigh show {} dev eth0", kVip));
  };
  ASSERT_NO_FATAL_FAILURE(watch());
  udp_.reset();
  ASSERT_THAT(entry(), HasSubstr(lab_->node("lb1").inside.mac("eth0")));
  lab_->lose_node("lb1", PairLab::How::silent);
  EXPECT_TRUE(eventually(
      2s, [&] { return entry().find(lab_->node("lb2").inside.mac("eth0")) != std::string::npos; },
      [&] { return "lb2's MAC address; the entry is " + entry(); }));
}

TEST_P(SixFailover, both_killed_the_kernel_drops_the_vips_when_their_lease_ends) {
  auto& vrrpd = *lab_->node("lb1").vrrpd;
  const pid_t speaker = vrrpd.children().at(0);
  ::kill(speaker, SIGSTOP);
  vrrpd.signal(SIGSTOP);
  ::kill(speaker, SIGKILL);
  vrrpd.signal(SIGKILL);
  // As late as the kernel likes: see the test of the same name for IPv4.
  EXPECT_TRUE(lab_->wait_active("lb2", 60s, kVip));
  EXPECT_TRUE(eventually(
      10s, [&] { return shown(lab_->node("lb1").inside, kLinkLocalVip).empty(); },
      "the link-local one is gone as well"));
}

// --- One node ------------------------------------------------------------------------------------

class SixNode : public OneNode {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(options(false));
  }
  [[nodiscard]] testing::AssertionResult six_becomes_active() {
    lab_->start_vrrpd("lb1");
    return eventually(
        5s, [&] { return has(kVip); }, [&] { return "Active: " + vrrpd().err(); });
  }
  [[nodiscard]] control::VrrpRouter six() { return vrrpd_router(lb1().run_dir, "six"); }
};

TEST_F(SixNode, the_vips_are_there_at_once_and_host_addresses) {
  // As on a machine that is not a test: addresses are checked for duplicates.
  lb1().inside.sysctl("ipv6.conf.eth0.accept_dad", "1");
  lab_->start_vrrpd("lb1");
  std::string line;
  ASSERT_TRUE(eventually(
      5s, [&] { return !(line = shown(lb1().inside, kVip)).empty(); }, "the VIP"));
  EXPECT_THAT(line, HasSubstr(fmt::format("inet6 {}/128 ", kVip)));
  EXPECT_THAT(line, HasSubstr("nodad"));
  EXPECT_THAT(line, Not(HasSubstr("tentative")));
  EXPECT_THAT(shown(lb1().inside, kLinkLocalVip), HasSubstr("inet6 fe80::100/128 "));
}

TEST_F(SixNode, renewal_keeps_flags_and_lease) {
  ASSERT_TRUE(six_becomes_active());
  EXPECT_TRUE(holds_for(
      3s,
      [&] {
        const std::string line = shown(lb1().inside, kVip);
        return line.find("deprecated") != std::string::npos &&
               line.find("nodad") != std::string::npos &&
               line.find("preferred_lft 0sec") != std::string::npos &&
               line.find("valid_lft forever") == std::string::npos;
      },
      "deprecated, nodad, a lease"));
}

TEST_F(SixNode, a_vip_is_never_a_source_address) {
  ASSERT_TRUE(six_becomes_active());
  lb1().inside.ip("-6 route add default via 2001:db8::10");
  for (const char* target : {"2001:db8::10", "2001:db8:ffff::1"}) {
    EXPECT_THAT(lb1().inside.ip(fmt::format("-6 route get {}", target)),
                HasSubstr("src 2001:db8::1 "));
  }
  EXPECT_THAT(lb1().inside.ip("-6 route get fe80::10 dev eth0"), Not(HasSubstr("src fe80::100 ")));
}

TEST_F(SixNode, a_vip_that_somebody_removes_is_back_without_a_change_of_state) {
  ASSERT_TRUE(six_becomes_active());
  const uint64_t transitions = six().transitions();
  for (const char* vip : {kVip, kLinkLocalVip}) {
    lb1().inside.ip(fmt::format("addr del {}/128 dev eth0", vip));
    EXPECT_TRUE(eventually(
        2s, [&] { return !shown(lb1().inside, vip).empty(); }, "the VIP is back"));
  }
  EXPECT_EQ(six().transitions(), transitions);
}

TEST_F(SixNode, waits_for_a_link_local_address_that_is_no_duplicate) {
  lb1().inside.ip("link set eth0 addrgenmode none");
  lb1().inside.ip("-6 addr flush dev eth0 scope link");
  lab_->start_vrrpd("lb1");
  ASSERT_TRUE(vrrpd().wait_for_output(
      "vrrp six: stays Initialize (eth0 has no IPv6 link-local address of its own)", 5s));
  EXPECT_TRUE(eventually(
      5s, [&] { return has(PairLab::kVip); }, "the IPv4 router is Active"));
  lb1().inside.sysctl("ipv6.conf.eth0.accept_dad", "1");
  lb1().inside.ip("addr add fe80::1/64 dev eth0");
  EXPECT_TRUE(vrrpd().wait_for_output(
      "vrrp six: stays Initialize (fe80::1 on eth0 is still being checked for duplicates)", 2s));
  EXPECT_TRUE(eventually(
      5s, [&] { return has(kVip); }, "Active once it is checked"));
}

TEST_F(SixNode, is_active_again_after_the_interface_was_down) {
  ASSERT_TRUE(six_becomes_active());
  lb1().inside.ip("link set eth0 down");  // the kernel takes every IPv6 address away
  ASSERT_TRUE(vrrpd().wait_for_output("vrrp six: Active -> Initialize (eth0 is down)", 2s));
  EXPECT_FALSE(has(kVip));
  lb1().inside.ip("link set eth0 up");
  EXPECT_TRUE(eventually(
      5s, [&] { return has(kVip); }, "Active again"));
  EXPECT_TRUE(holds_for(
      500ms, [&] { return has(kVip); }, "it stays so"));
}

TEST_F(SixNode, a_reload_to_the_other_family_is_another_router) {
  ASSERT_TRUE(six_becomes_active());
  replace_in_config("addresses = 2001:db8::100/64, fe80::100/64", "addresses = 10.0.0.101/24");
  replace_in_config(
      "vrid = 51\npriority@lb1 = 150\npriority@lb2 = 100\nadvert_interval = 10ms\n"
      "addresses = 10.0.0.101/24",
      "vrid = 52\nadvert_interval = 10ms\naddresses = 10.0.0.101/24");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(vrrpd().wait_for_output("vrrp six: Active -> Initialize (removed", 2s));
  EXPECT_TRUE(eventually(
      2s, [&] { return has("10.0.0.101") && !has(kVip); }, "the new one is Active"));
  EXPECT_TRUE(has(PairLab::kVip));
}

TEST_F(SixNode, leftovers_go_at_start_and_with_release_addresses) {
  const auto leave = [&](const char* address) {
    lb1().inside.run([&] {
      vrrp::NetlinkAddress kernel;
      const auto index = static_cast<int>(::if_nametoindex("eth0"));
      const Status added = kernel.add(index, std::array{Prefix::parse(address).value()});
      if (!added) throw std::runtime_error(added.error().message);
    });
  };
  leave("2001:db8::100/128");
  leave("fe80::100/128");
  lb1().inside.ip("addr add 2001:db8::88/128 dev eth0");  // a person's
  const Finished done = run_vrrpd({"--release-addresses"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_FALSE(has(kVip));
  EXPECT_EQ(shown(lb1().inside, kLinkLocalVip), "");
  EXPECT_TRUE(has("2001:db8::88"));

  leave("2001:db8::77/128");  // of an older configuration
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(vrrpd().wait_for_output("removed 2001:db8::77/128, left by an earlier life", 5s));
  EXPECT_TRUE(has("2001:db8::88"));
}

TEST_F(SixNode, an_owner_holds_its_own_address) {
  lb1().inside.ip("addr add fe80::1/64 dev eth0");
  std::string config = lab_->config();
  const size_t six = config.find("[vrrp six]");
  config.replace(config.find("priority@lb1 = 150", six), 18, "priority@lb1 = 255");
  config.replace(config.find("2001:db8::100/64, fe80::100/64", six), 30,
                 "2001:db8::1/64, fe80::1/64");
  lab_->write_config(config);
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(
      vrrpd().wait_for_output("vrrp six: Initialize -> Active (owner of the addresses)", 5s));
  vrrpd().terminate(3s);
  EXPECT_TRUE(has("2001:db8::1"));
  EXPECT_THAT(shown(lb1().inside, "fe80::1"), HasSubstr("fe80::1/64"));
}

TEST_F(SixNode, status_names_it) {
  ASSERT_TRUE(six_becomes_active());
  ASSERT_TRUE(eventually(
      2s, [&] { return six().router().state() == role::STATE_ACTIVE; }, "status"));
  EXPECT_EQ(six().router().addresses(0), "fe80::100/64");
  EXPECT_EQ(six().router().addresses(1), "2001:db8::100/64");
  const Finished told = lab_->pairadm("lb1", {"status"});
  EXPECT_THAT(told.out, HasSubstr("2001:db8::100/64")) << told.err;
}

}  // namespace
}  // namespace hapair::test
