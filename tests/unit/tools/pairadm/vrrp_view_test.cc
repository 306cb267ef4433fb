// `pairadm vrrp`, to the blank.
#include "tools/pairadm/vrrp_view.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::VrrpStatus sample() {
  control::VrrpStatus status;
  status.set_node("lb1");
  status.set_version("0.1.0");
  status.set_uptime_ms(3'723'000);
  status.set_lbcore_connected(true);
  status.set_lbcore_serving(true);
  control::VrrpRouter& router = *status.add_routers();
  role::Router& role = *router.mutable_router();
  role.set_name("main");
  role.set_state(role::STATE_BACKUP);
  role.set_reason("waits for 30.0 s (preempt_delay) before it preempts 10.0.0.2");
  role.set_in_state_ms(12'345);
  role.add_addresses("10.0.0.100/24");
  role.set_vrid(51);
  role.set_priority(150);
  role.set_interface("eth0");
  role.set_peer("10.0.0.2 priority 100, heard 8ms ago");
  router.set_transitions(1234);
  router.set_sent(98765);
  router.set_received(4321);
  (*router.mutable_refused())["ttl"] = 2;
  (*router.mutable_refused())["checksum"] = 1;
  router.set_advert_interval_us(100'000);
  router.set_down_interval_us(341'406);
  router.set_next_deadline_us(320'010);
  router.add_history("Initialize -> Backup (listens for an Active) 20s ago");
  router.add_history("stays Backup (waits) 12s ago");
  router.set_effective_priority(90);
  router.set_priority_why("150 - 60 (track nginx: exited with 1)");
  router.set_preempt(true);
  router.set_heard_sender("10.0.0.2");
  router.set_heard_priority(100);
  router.set_heard_ms(8);
  control::Tracked& nginx = *router.add_tracked();
  nginx.set_name("track nginx");
  nginx.set_weight(-60);
  nginx.set_known(true);
  nginx.set_reason("exited with 1");
  control::Tracked& dns = *router.add_tracked();
  dns.set_name("track dns");
  control::Hooks& hooks = *router.mutable_hooks();
  hooks.set_run(4);
  hooks.set_failed(1);
  hooks.set_skipped(2);
  hooks.set_running("on_backup");
  hooks.set_last("on_active exited with 0, took 12 ms");
  return status;
}

TEST(VrrpView, for_people) {
  EXPECT_EQ(vrrp_text(sample()),
            "lb1: vrrpd 0.1.0, up 1h 02m\n"
            "\n"
            "router main: Backup for 12 s (waits for 30.0 s (preempt_delay) before it preempts "
            "10.0.0.2)\n"
            "  10.0.0.100/24 on eth0, vrid 51, preempt yes\n"
            "  priority 90 = 150 - 60 (track nginx: exited with 1)\n"
            "  timers: advertises every 100ms, down interval 341.4 ms, the next deadline in 320.0 "
            "ms\n"
            "  advertisements: 98,765 sent, 4,321 received, 1 refused (checksum), 2 refused "
            "(ttl)\n"
            "  other router: 10.0.0.2 priority 100, heard 8ms ago\n"
            "  track nginx: bad: exited with 1 (weight -60)\n"
            "  track dns: no result yet (a fault when bad)\n"
            "  hooks: 4 run, 1 failed, 2 skipped; on_backup runs now; last: on_active exited with "
            "0, took 12 ms\n"
            "  transitions: 1,234\n"
            "    stays Backup (waits) 12s ago\n"
            "    Initialize -> Backup (listens for an Active) 20s ago\n");
}

TEST(VrrpView, an_active_has_a_next_advertisement_and_a_demoted_node_says_so) {
  control::VrrpStatus status = sample();
  status.mutable_demotion()->set_by("root");
  status.mutable_demotion()->set_reason("new kernel");
  status.mutable_demotion()->set_age_ms(10'800'000);
  status.mutable_routers(0)->mutable_router()->set_state(role::STATE_ACTIVE);
  const std::string text = vrrp_text(status);
  EXPECT_NE(text.find("\ndemoted by root 3h 00m ago: new kernel\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  timers: advertises every 100ms, the next one in 320.0 ms\n"),
            std::string::npos)
      << text;
}

TEST(VrrpView, the_peer_as_the_pair_path_knows_it) {
  control::VrrpStatus status = sample();
  control::PairPath& pair = *status.mutable_pair();
  pair.set_peer("lb2");
  pair.set_own_address("10.255.0.1:7400");
  pair.set_peer_address("10.255.0.2:7400");
  pair.set_alive(true);
  pair.set_heard_ms_ago(5);
  pair.set_serving(true);
  pair.set_sent(1000);
  pair.set_received(999);
  (*pair.mutable_refused())["replayed"] = 1;
  control::PeerRouter& router = *pair.add_routers();
  router.set_name("main");
  router.set_state("Active");
  router.set_priority(100);
  router.set_hears_us(true);
  EXPECT_NE(vrrp_text(status).find(
                "\nlb2 on the pair path: heard 5 ms ago, lbcore serves and is not in sync\n"
                "  10.255.0.1:7400 to 10.255.0.2:7400: 1,000 sent, 999 received, 1 refused "
                "(replayed)\n"
                "  router main there: Active, priority 100, hears us on the LAN\n"),
            std::string::npos)
      << vrrp_text(status);
  EXPECT_EQ(nlohmann::json::parse(vrrp_json(status)).at("pair_path").at("serving"), true);

  pair.set_alive(false);
  pair.set_heard_ms_ago(9'000);
  pair.set_trouble("send to 10.255.0.2:7400: Network is unreachable");
  EXPECT_NE(vrrp_text(status).find("\nlb2 on the pair path: heard 9 s ago: silent\n"),
            std::string::npos)
      << vrrp_text(status);
  EXPECT_NE(vrrp_text(status).find("\n  trouble: send to "), std::string::npos);
}

TEST(VrrpView, for_programs) {
  const auto json = nlohmann::json::parse(vrrp_json(sample()));
  EXPECT_EQ(json.at("demoted"), nullptr);
  const auto& router = json.at("routers").at(0);
  EXPECT_EQ(router.at("state"), "Backup");
  EXPECT_EQ(router.at("effective_priority"), 90);
  EXPECT_EQ(router.at("refused").at("ttl"), 2);
  EXPECT_EQ(router.at("other_router").at("heard_ms_ago"), 8);
  EXPECT_EQ(router.at("tracked").at(0).at("good"), false);
  EXPECT_EQ(router.at("tracked").at(1).at("good"), nullptr);
  EXPECT_EQ(router.at("hooks").at("running"), "on_backup");
}

TEST(VrrpView, one_router_may_be_named) {
  FakeShell shell;
  *shell.daemons["vrrpd"].mutable_vrrp() = sample();
  EXPECT_EQ(shell.run(words("vrrp main")), 0);
  EXPECT_NE(shell.out.str().find("router main: "), std::string::npos);
  EXPECT_EQ(shell.run(words("vrrp dmz")), 255);
  EXPECT_EQ(shell.err.str(), "pairadm: no such router: dmz\n");
}

}  // namespace
}  // namespace hapair::pairadm
