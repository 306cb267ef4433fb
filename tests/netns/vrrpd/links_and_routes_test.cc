// One vrrpd: interfaces that it tracks, links that flap, and virtual routes that come and go with
// the VIPs.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/vrrpd/one_node.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class LinksAndRoutes : public OneNode {
 protected:
  void configure(const std::string& lines) {
    replace_in_config("vrid = 51\n", "vrid = 51\n" + lines);
  }
  void set_eth1(bool plugged) { lab_->server_net().set_cable(lb1().inside, "eth1", plugged); }
  [[nodiscard]] testing::AssertionResult gives_vip_away() {
    return eventually(
        3s, [&] { return !has(PairLab::kVip); }, "no VIP");
  }
  [[nodiscard]] testing::AssertionResult has_vip() {
    return eventually(
        5s, [&] { return has(PairLab::kVip); }, [&] { return vrrpd().err(); });
  }
  [[nodiscard]] std::string routes() { return lb1().inside.ip("route show proto 247 table all"); }
  [[nodiscard]] testing::AssertionResult has_route(const std::string& text) {
    return eventually(
        2s, [&] { return routes().find(text) != std::string::npos; }, [&] { return routes(); });
  }
  [[nodiscard]] testing::AssertionResult has_no_route() {
    return eventually(
        2s, [&] { return routes().empty(); }, [&] { return routes(); });
  }
};

TEST_F(LinksAndRoutes, a_tracked_interface_without_carrier_is_a_fault) {
  configure("track_interfaces = eth1\n");
  ASSERT_TRUE(becomes_active());
  set_eth1(false);
  EXPECT_TRUE(gives_vip_away());
  EXPECT_TRUE(vrrpd().wait_for_output(
      "vrrp main: Active -> Initialize (interface eth1: has no carrier)", 1s));
  set_eth1(true);
  EXPECT_TRUE(vrrpd().wait_for_output("for less than 200ms (link_debounce)", 3s));
  EXPECT_TRUE(has_vip());
}

TEST_F(LinksAndRoutes, a_tracked_interface_with_a_weight_changes_the_priority) {
  configure("track_interfaces = eth1 weight -60\n");
  ASSERT_TRUE(becomes_active());
  set_eth1(false);
  EXPECT_TRUE(vrrpd().wait_for_output(
      "priority 150 -> 90 (150 - 60 (interface eth1: has no carrier))", 3s));
  EXPECT_TRUE(has(PairLab::kVip));
  set_eth1(true);
  EXPECT_TRUE(vrrpd().wait_for_output("priority 90 -> 150 (as configured)", 5s));
}

TEST_F(LinksAndRoutes, a_reload_tracks_more_and_less) {
  ASSERT_TRUE(becomes_active());
  const std::string before = lab_->config();
  configure("track_interfaces = eth7\n");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(vrrpd().wait_for_output("(interface eth7: does not exist)", 3s));
  EXPECT_TRUE(gives_vip_away());
  lab_->write_config(before);
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(has_vip());
}

TEST_F(LinksAndRoutes, a_flapping_link_causes_one_failover) {
  configure("link_debounce = 3s\n");
  ASSERT_TRUE(becomes_active());
  const uint64_t transitions = status().routers(0).transitions();
  for (int i = 0; i < 5; ++i) {
    lab_->lan().set_cable(lb1().inside, "eth0", false);
    ASSERT_TRUE(gives_vip_away());
    lab_->lan().set_cable(lb1().inside, "eth0", true);
    ASSERT_TRUE(holds_for(
        50ms, [&] { return !has(PairLab::kVip); }, "no VIP on a link that flaps"));
  }
  EXPECT_EQ(status().routers(0).transitions(), transitions + 1);
  EXPECT_TRUE(eventually(
      10s, [&] { return has(PairLab::kVip); }, "back when the link has lasted"));
}

TEST_F(LinksAndRoutes, routes_come_and_go_with_the_vips) {
  configure(
      "routes = 10.7.0.0/16 via 10.0.0.10, 10.8.0.0/16 dev eth1 src 10.0.0.100 metric 50 table "
      "100\n");
  lb1().inside.ip("route add 10.7.0.0/16 via 10.0.0.11");  // a person's: it comes back into force
  ASSERT_TRUE(becomes_active());
  EXPECT_TRUE(has_route("10.7.0.0/16 via 10.0.0.10 dev eth0"));
  EXPECT_TRUE(has_route("10.8.0.0/16 dev eth1 table 100 scope link src 10.0.0.100 metric 50"));
  EXPECT_THAT(lb1().inside.ip("route get 10.7.0.1"), HasSubstr("via 10.0.0.10 "));

  // Somebody removes them, or the VIP that one has as its source.
  lb1().inside.ip("route del 10.7.0.0/16 via 10.0.0.10 proto 247");
  EXPECT_TRUE(has_route("10.7.0.0/16 via 10.0.0.10 dev eth0"));
  lb1().inside.ip("addr del 10.0.0.100/32 dev eth0");
  EXPECT_TRUE(has_vip());
  EXPECT_TRUE(has_route("10.8.0.0/16 dev eth1 table 100"));
  EXPECT_EQ(status().routers(0).transitions(), 2U);

  const uint64_t sent = status().routers(0).sent();
  EXPECT_TRUE(eventually(
      2s, [&] { return status().routers(0).sent() > sent; }, "advertisements go on"));
  EXPECT_EQ(vrrpd().terminate(3s).code, 0);
  EXPECT_EQ(routes(), "");
  EXPECT_THAT(lb1().inside.ip("route get 10.7.0.1"), HasSubstr("via 10.0.0.11 "));
}

TEST_F(LinksAndRoutes, a_reload_changes_routes_and_a_refused_one_is_said_and_tried_again) {
  configure("routes = 10.7.0.0/16 via 10.0.0.10\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(has_route("10.7.0.0/16"));
  replace_in_config("10.7.0.0/16 via 10.0.0.10", "10.9.0.0/16 via 192.0.2.1");
  vrrpd().signal(SIGHUP);
  EXPECT_TRUE(has_no_route());
  EXPECT_TRUE(
      vrrpd().wait_for_output("add route 10.9.0.0/16 via 192.0.2.1: Network is unreachable", 2s));
  EXPECT_TRUE(has(PairLab::kVip));
  lb1().inside.ip("addr add 192.0.2.7/24 dev eth1");
  EXPECT_TRUE(has_route("10.9.0.0/16 via 192.0.2.1 dev eth1"));
}

TEST_F(LinksAndRoutes, leftovers_are_removed_at_start_and_by_release_addresses) {
  configure("routes = 10.7.0.0/16 via 10.0.0.10\n");
  lb1().inside.ip("route add 10.6.0.0/16 dev eth0 proto 247");
  lb1().inside.ip("-6 route add 2001:db8:6::/48 dev eth0 proto 247 table 77");
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(vrrpd().wait_for_output("removed 2, left by an earlier life", 5s));
  ASSERT_TRUE(has_route("10.7.0.0/16"));
  EXPECT_THAT(routes(), Not(HasSubstr("10.6.0.0/16")));
  for (const int signal : {SIGSTOP, SIGKILL}) {  // nobody may act before all are dead
    for (const int process : lb1().inside.processes()) ::kill(process, signal);
  }
  vrrpd().wait(5s);
  ASSERT_THAT(routes(), HasSubstr("10.7.0.0/16"));
  const Finished done = run_vrrpd({"--release-addresses"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("released 1 routes"));
  EXPECT_EQ(routes(), "");
}

TEST_F(LinksAndRoutes, a_dead_vrrpd_leaves_no_route) {
  configure("routes = 10.7.0.0/16 via 10.0.0.10\n");
  ASSERT_TRUE(becomes_active());
  ASSERT_TRUE(has_route("10.7.0.0/16"));
  vrrpd().signal(SIGKILL);  // the guardian: its speaker leaves in order
  EXPECT_TRUE(has_no_route());
}

}  // namespace
}  // namespace hapair::test
