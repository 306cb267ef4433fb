// `pairadm status` at three in the morning: one test per situation, each a healthy pair with one
// thing changed.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/pairadm/status_view.h"

namespace hapair::pairadm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

role::Router router(role::State state, uint64_t in_state_ms, uint32_t priority) {
  role::Router r;
  r.set_name("main");
  r.set_state(state);
  r.set_in_state_ms(in_state_ms);
  r.set_priority(priority);
  r.set_reason(state == role::STATE_ACTIVE ? "no advertisement for 36ms" : "higher priority heard");
  r.add_addresses("10.0.0.100/24");
  r.set_vrid(51);
  r.set_interface("eth0");
  return r;
}

control::Service web(uint64_t active) {
  control::Service service;
  service.mutable_key()->set_listen("10.0.0.100:80");
  service.set_name("web");
  service.set_pool("web");
  service.set_scheduler("wlc");
  service.set_sticky_seconds(600);
  service.set_sticky_prefix_length(32);
  service.set_sessions(12345);
  service.mutable_counters()->set_active(active);
  for (const char* address : {"10.0.1.11:8080", "10.0.1.12:8080", "10.0.1.13:8080"}) {
    auto* server = service.add_servers();
    server->set_name(address);
    server->set_address(address);
    server->set_weight(1);
    server->set_up(true);
    server->set_check("L7OK 200 in 0.8ms");
    server->set_check_age_ms(800);
    server->set_in_state_ms(9'000'000);
  }
  return service;
}

control::NodeStatus node(const std::string& name, role::Router its_router, uint64_t active) {
  control::NodeStatus status;
  status.set_node(name);
  status.set_vrrpd_connected(true);
  *status.add_routers() = std::move(its_router);
  status.set_serving(true);
  status.set_version("0.1.0");
  status.set_config_hash(7);
  status.set_uptime_ms(10 * 86'400'000ULL + 7'860'000);
  status.mutable_sync()->set_state("synced");
  status.mutable_sync()->set_sessions(12345);
  status.mutable_sync()->set_digest(255);
  status.mutable_sync()->set_protocol(1);
  status.mutable_sync()->add_features("tests/1");
  *status.add_services() = web(active);
  return status;
}

/// lb1 is Active and asks; lb2 is Backup. 3d 04:12 after the last transition.
struct Pair {
  Answers answers;

  Pair() {
    answers.host = "lb1";
    const uint64_t since = 3 * 86'400'000ULL + 4 * 3'600'000ULL + 12 * 60'000ULL;
    auto own = node("lb1", router(role::STATE_ACTIVE, since, 150), 120);
    own.mutable_sync()->set_peer("lb2 10.255.0.2:7400");
    *own.mutable_peer() = node("lb2", router(role::STATE_BACKUP, since - 100, 100), 0);
    own.mutable_peer()->mutable_sync()->set_peer("lb1 10.255.0.1:7400");
    own.set_peer_age_ms(40);
    answers.lbcore.said = own;

    control::VrrpStatus vrrp;
    vrrp.set_node("lb1");
    vrrp.set_version("0.1.0");
    vrrp.set_uptime_ms(10 * 86'400'000ULL);
    vrrp.set_lbcore_connected(true);
    vrrp.set_lbcore_serving(true);
    *vrrp.add_routers()->mutable_router() = own.routers(0);
    vrrp.mutable_routers(0)->mutable_router()->set_peer("10.0.0.2 priority 100, heard 8ms ago");
    auto* detail = vrrp.mutable_routers(0);
    detail->set_advert_interval_us(10'000);
    detail->set_transitions(3);
    detail->set_sent(27'432'000);
    detail->set_received(12);
    (*detail->mutable_refused())["checksum"] = 3;
    (*detail->mutable_refused())["ttl"] = 0;
    detail->add_history("Initialize -> Backup (listens for an Active) 864000s ago");
    detail->add_history("Backup -> Active (no advertisement for 36ms) 274320s ago");
    answers.vrrpd.said = vrrp;
  }

  control::NodeStatus& own() { return *answers.lbcore.said; }
  control::NodeStatus& peer() { return *own().mutable_peer(); }
  role::Router& own_router() { return *answers.vrrpd.said->mutable_routers(0)->mutable_router(); }
  void lbcore_dies() {
    answers.lbcore = {.said = std::nullopt,
                      .silence = "lbcore is not running (no socket at /run/hapair/lbcore.sock)"};
    if (answers.vrrpd.said) answers.vrrpd.said->set_lbcore_connected(false);
  }
  void vrrpd_dies() {
    answers.vrrpd = {.said = std::nullopt,
                     .silence = "vrrpd is not running (no socket at /run/hapair/vrrpd.sock)"};
    own().set_vrrpd_connected(false);
    own().clear_routers();
  }

  [[nodiscard]] std::string summary() const { return assess(answers).summary; }
  [[nodiscard]] std::vector<std::string> problems() const {
    std::vector<std::string> out;
    for (const auto& problem : assess(answers).problems)
      out.push_back(problem.kind + ": " + problem.text);
    return out;
  }
};

TEST(Status, HealthyPair) {
  const Pair pair;
  EXPECT_EQ(
      status_text(assess(pair.answers)),
      R"(lb1 is Active (main, since 3d 04:12, priority 150), lb2 is Backup, heard 40 ms ago; sessions synced (12,345)

lb1 (this node)
  hapair 0.1.0, up 10d 02:11
  vrrpd: running
  lbcore: running
  router main: Active for 3d 04:12 (no advertisement for 36ms)
    10.0.0.100/24 on eth0, vrid 51, priority 150
    other router: 10.0.0.2 priority 100, heard 8ms ago
    advertisements: every 10ms, 27,432,000 sent, 12 received, 3 refused (checksum)
    earlier: Initialize -> Backup (listens for an Active) 864000s ago
  sync: synced with lb2 10.255.0.2:7400, 12,345 sessions, lag 0 changes, 0 ms
  service web: TCP 10.0.0.100:80, wlc, sticky /32 600 s, servers 3/3 up, 120 connections, 12,345 sessions

lb2 (peer, heard 40 ms ago)
  hapair 0.1.0, up 10d 02:11
  vrrpd: running
  lbcore: running
  router main: Backup for 3d 04:11 (higher priority heard)
    10.0.0.100/24 on eth0, vrid 51, priority 100
  sync: synced with lb1 10.255.0.1:7400, 12,345 sessions, lag 0 changes, 0 ms
  service web: TCP 10.0.0.100:80, wlc, sticky /32 600 s, servers 3/3 up, 0 connections, 12,345 sessions

no problems
)");
}

TEST(Status, ServersDownAndDraining) {
  Pair pair;
  for (auto* status : {&pair.own(), &pair.peer()}) {
    auto* down = status->mutable_services(0)->mutable_servers(1);
    down->set_up(false);
    down->set_in_state_ms(192'000);
    down->set_check("L4CON Connection refused");
    status->mutable_services(0)->mutable_servers(2)->set_weight(0);
  }
  pair.own().mutable_services(0)->mutable_servers(2)->mutable_counters()->set_active(4);
  const StatusView view = assess(pair.answers);
  const std::string text = status_text(view);
  EXPECT_NE(text.find("servers 2/3 up, 120 connections, 12,345 sessions\n"
                      "    10.0.1.12:8080 down for 3m 12s, L4CON Connection refused (800 ms ago)\n"
                      "    10.0.1.13:8080 up for 2h 30m, weight 0: no new clients, 4 open\n"),
            std::string::npos)
      << text;
  EXPECT_TRUE(
      text.ends_with("problems:\n"
                     "  - server 10.0.1.12:8080 of pool web is down for 3m 12s, seen by both "
                     "nodes: L4CON Connection refused\n"))
      << text;
}

TEST(Status, ServerDownOnOneNodeOnly) {
  Pair pair;
  auto* down = pair.peer().mutable_services(0)->mutable_servers(0);
  down->set_up(false);
  down->set_in_state_ms(5000);
  down->set_check("L4TOUT");
  EXPECT_THAT(pair.problems(),
              ElementsAre("server_down: server 10.0.1.11:8080 of pool web is down for 5 s, seen by "
                          "lb2 only: L4TOUT"));
}

TEST(Status, ServerDownThatWasTakenOutIsNoProblem) {
  Pair pair;
  for (auto* status : {&pair.own(), &pair.peer()}) {
    status->mutable_services(0)->mutable_servers(0)->set_weight(0);
    status->mutable_services(0)->mutable_servers(0)->set_up(false);
  }
  EXPECT_THAT(pair.problems(), IsEmpty());
}

TEST(Status, SharedPoolCountsAServerOnce) {
  Pair pair;
  for (auto* status : {&pair.own(), &pair.peer()}) {
    status->mutable_services(0)->mutable_servers(0)->set_up(false);
    auto* second = status->add_services();
    *second = status->services(0);
    second->mutable_key()->set_listen("10.0.0.100:81");
    second->set_name("web81");
  }
  EXPECT_EQ(pair.problems().size(), 1U);
}

TEST(Status, NoServerAtAll) {
  Pair pair;
  for (auto& server : *pair.own().mutable_services(0)->mutable_servers()) server.set_up(false);
  const auto problems = pair.problems();
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_EQ(problems[0],
            "no_usable_server: service web (TCP 10.0.0.100:80) on lb1 has no server "
            "that is up and takes connections");
  pair.own().mutable_services(0)->clear_servers();
  pair.peer().mutable_services(0)->clear_servers();
  EXPECT_THAT(pair.problems(),
              ElementsAre("no_server: service web (TCP 10.0.0.100:80) on lb1 has no server",
                          "no_server: service web (TCP 10.0.0.100:80) on lb2 has no server"));
}

TEST(Status, ServiceThatCannotListen) {
  Pair pair;
  pair.own().mutable_services(0)->set_trouble("bind: Address already in use");
  EXPECT_THAT(pair.problems(),
              ElementsAre("service_trouble: service web (TCP 10.0.0.100:80) on lb1: "
                          "bind: Address already in use"));
  EXPECT_NE(
      status_text(assess(pair.answers)).find("    not listening: bind: Address already in use\n"),
      std::string::npos);
}

TEST(Status, LbcoreDead) {
  Pair pair;
  pair.lbcore_dies();
  EXPECT_EQ(
      status_text(assess(pair.answers)),
      R"(lb1 is Active (main, since 3d 04:12, priority 150), the other router is 10.0.0.2 priority 100, heard 8ms ago; lbcore does not answer

lb1 (this node)
  hapair 0.1.0, up 10d 00:00
  vrrpd: running
  lbcore: no answer
  router main: Active for 3d 04:12 (no advertisement for 36ms)
    10.0.0.100/24 on eth0, vrid 51, priority 150
    other router: 10.0.0.2 priority 100, heard 8ms ago
    advertisements: every 10ms, 27,432,000 sent, 12 received, 3 refused (checksum)
    earlier: Initialize -> Backup (listens for an Active) 864000s ago

problems:
  - lbcore is not running (no socket at /run/hapair/lbcore.sock)
)");
}

TEST(Status, LbcoreDeadAndNothingHeard) {
  Pair pair;
  pair.lbcore_dies();
  pair.own_router().clear_peer();
  EXPECT_EQ(pair.summary(),
            "lb1 is Active (main, since 3d 04:12, priority 150), nothing is known of "
            "the peer; lbcore does not answer");
}

TEST(Status, VrrpdDead) {
  Pair pair;
  pair.vrrpd_dies();
  pair.peer().mutable_routers(0)->set_state(role::STATE_ACTIVE);
  EXPECT_EQ(pair.summary(),
            "lb1 has no known role, vrrpd does not answer, lb2 is Active, heard 40 ms "
            "ago; sessions synced (12,345)");
  EXPECT_THAT(
      pair.problems(),
      ElementsAre("vrrpd_down: vrrpd is not running (no socket at /run/hapair/vrrpd.sock)"));
}

TEST(Status, VrrpdSilentButTalkingToLbcore) {
  Pair pair;
  pair.answers.vrrpd = {.said = std::nullopt, .silence = "vrrpd does not answer (...)"};
  EXPECT_TRUE(
      pair.summary().starts_with("lb1 is Active (main, since 3d 04:12, priority 150), lb2"));
}

TEST(Status, BothDead) {
  Pair pair;
  pair.vrrpd_dies();
  pair.lbcore_dies();
  EXPECT_EQ(status_text(assess(pair.answers)),
            R"(lb1: neither vrrpd nor lbcore answers on this node

lb1 (this node)
  vrrpd: no answer
  lbcore: no answer

problems:
  - vrrpd is not running (no socket at /run/hapair/vrrpd.sock)
  - lbcore is not running (no socket at /run/hapair/lbcore.sock)
)");
}

TEST(Status, PeerSilent) {
  Pair pair;
  pair.own().set_peer_age_ms(7'800'000);
  pair.own().mutable_sync()->set_state("disconnected");
  pair.own().mutable_sync()->set_detail("connect 10.255.0.2:7400: No route to host");
  // What it said then is not judged now.
  pair.peer().set_serving(false);
  pair.peer().mutable_routers(0)->set_state(role::STATE_ACTIVE);
  EXPECT_EQ(
      pair.summary(),
      "lb1 is Active (main, since 3d 04:12, priority 150), lb2 was Active when last heard 2h 10m "
      "ago; sessions not synced: disconnected (12,345)");
  EXPECT_THAT(
      pair.problems(),
      ElementsAre("peer_silent: lb2 was last heard 2h 10m ago",
                  "not_synced: sessions are not synced with lb2 10.255.0.2:7400: disconnected: "
                  "connect 10.255.0.2:7400: No route to host"));
  EXPECT_NE(
      status_text(assess(pair.answers)).find("lb2 (peer, heard 2h 10m ago: what follows is old)\n"),
      std::string::npos);
}

TEST(Status, PeerNeverHeard) {
  Pair pair;
  pair.own().clear_peer();
  pair.own().mutable_sync()->set_state("disconnected");
  EXPECT_EQ(pair.summary(),
            "lb1 is Active (main, since 3d 04:12, priority 150), lb2 has not been "
            "heard; sessions not synced: disconnected (12,345)");
  EXPECT_THAT(
      pair.problems(),
      ElementsAre("peer_silent: lb2 has not been heard since lbcore started",
                  "not_synced: sessions are not synced with lb2 10.255.0.2:7400: disconnected"));
  EXPECT_NE(status_text(assess(pair.answers)).find("\nlb2 (peer, never heard)\n\n"),
            std::string::npos);
}

TEST(Status, NoPeerConfigured) {
  Pair pair;
  pair.own().clear_peer();
  pair.own().mutable_sync()->set_state("alone");
  pair.own().mutable_sync()->clear_peer();
  EXPECT_EQ(pair.summary(),
            "lb1 is Active (main, since 3d 04:12, priority 150); 12,345 sessions, on "
            "this node only");
  EXPECT_THAT(pair.problems(), IsEmpty());
}

TEST(Status, SnapshotUnderWay) {
  Pair pair;
  pair.own().mutable_sync()->set_state("snapshot 40%");
  EXPECT_TRUE(pair.summary().ends_with("; sessions not synced: snapshot 40% (12,345)"));
  EXPECT_THAT(
      pair.problems(),
      ElementsAre("not_synced: sessions are not synced with lb2 10.255.0.2:7400: snapshot 40%"));
}

TEST(Status, TwoActive) {
  Pair pair;
  pair.peer().mutable_routers(0)->set_state(role::STATE_ACTIVE);
  EXPECT_THAT(pair.problems(),
              ElementsAre("two_active: router main is Active on both nodes: they do "
                          "not hear each other's advertisements"));
}

TEST(Status, NoneActive) {
  Pair pair;
  pair.own_router().set_state(role::STATE_BACKUP);
  EXPECT_THAT(pair.problems(),
              ElementsAre("none_active: router main is Active on neither node: lb1 is "
                          "Backup, lb2 is Backup"));
}

// The peer's word is older than our transition: it says nothing of now.
TEST(Status, JustFailedOver) {
  Pair pair;
  pair.own_router().set_in_state_ms(39);
  pair.peer().mutable_routers(0)->set_state(role::STATE_ACTIVE);
  EXPECT_THAT(pair.problems(), IsEmpty());
}

TEST(Status, RouterInInitialize) {
  Pair pair;
  pair.own_router().set_state(role::STATE_INITIALIZE);
  pair.own_router().set_in_state_ms(12'000);
  pair.own_router().set_reason("eth0 has no carrier");
  pair.peer().mutable_routers(0)->set_state(role::STATE_ACTIVE);
  EXPECT_TRUE(pair.summary().starts_with(
      "lb1 is in Initialize (main, since 12 s, priority 150), lb2 is Active, heard 40 ms ago"));
  EXPECT_THAT(pair.problems(),
              ElementsAre("router_not_running: router main on lb1 is in Initialize for "
                          "12 s: eth0 has no carrier"));
}

TEST(Status, TwoRouters) {
  Pair pair;
  auto dmz = router(role::STATE_BACKUP, 12'000, 90);
  dmz.set_name("dmz");
  *pair.answers.vrrpd.said->add_routers()->mutable_router() = dmz;
  dmz.set_state(role::STATE_ACTIVE);
  *pair.peer().add_routers() = dmz;
  EXPECT_TRUE(
      pair.summary().starts_with("lb1 is Active (main, since 3d 04:12, priority 150) and Backup "
                                 "(dmz, since 12 s, priority 90), "
                                 "lb2 is Active (dmz) and Backup (main), heard 40 ms ago"))
      << pair.summary();
  EXPECT_THAT(pair.problems(), IsEmpty());
}

TEST(Status, NotServing) {
  Pair pair;
  pair.own().set_serving(false);
  pair.own().set_not_serving_reason("worker 1 does not turn");
  pair.peer().set_serving(false);
  pair.peer().set_not_serving_reason("shutting down");
  pair.peer().set_vrrpd_connected(false);
  EXPECT_THAT(pair.problems(),
              ElementsAre("not_serving: lbcore of lb1 does not serve: worker 1 does not turn",
                          "peer_vrrpd_down: vrrpd of lb2 is not connected to its lbcore",
                          "peer_not_serving: lbcore of lb2 does not serve: shutting down"));
}

TEST(Status, StatusPagesOrAccessLogInTrouble) {
  Pair pair;
  pair.own().add_troubles("status_listen: 127.0.0.1:7480: Address already in use");
  EXPECT_THAT(pair.problems(), ElementsAre("not_seen: lbcore of lb1: status_listen: "
                                           "127.0.0.1:7480: Address already in use"));
}

TEST(Status, DaemonsApart) {
  Pair pair;
  pair.own().set_vrrpd_connected(false);
  EXPECT_THAT(pair.problems(), ElementsAre("daemons_apart: vrrpd and lbcore of lb1 run but are not "
                                           "connected to each other"));
}

TEST(Status, NoRouter) {
  Pair pair;
  pair.answers.vrrpd.said->clear_routers();
  EXPECT_TRUE(pair.summary().starts_with("lb1 has no virtual router, lb2 is Backup"));
  EXPECT_THAT(pair.problems(),
              ElementsAre("no_router: lb1 has no virtual router: no [vrrp] section"));
}

TEST(Status, FilesAndVersionsDiffer) {
  Pair pair;
  pair.peer().set_config_hash(8);
  pair.peer().set_version("0.2.0");
  EXPECT_THAT(pair.problems(),
              ElementsAre("config_differs: the configuration files of lb1 and lb2 differ",
                          "version_differs: lb1 runs hapair 0.1.0, lb2 runs 0.2.0"));
}

TEST(Status, TablesDiffer) {
  Pair pair;
  auto* service = pair.own().mutable_services(0);
  service->set_scheduler("rr");
  service->mutable_servers(0)->set_weight(5);
  service->mutable_servers(1)->set_address("10.0.1.99:8080");
  auto* extra = pair.peer().add_services();
  *extra = web(0);
  extra->mutable_key()->set_listen("10.0.0.100:81");
  EXPECT_THAT(
      pair.problems(),
      ElementsAre(
          "table_differs: service TCP 10.0.0.100:80: scheduler or sticky sessions differ "
          "between lb1 and lb2",
          "table_differs: server 10.0.1.11:8080 of TCP 10.0.0.100:80 has weight 5 on lb1, 1 on lb2",
          "table_differs: server 10.0.1.99:8080 of TCP 10.0.0.100:80 exists on lb1 only",
          "table_differs: server 10.0.1.12:8080 of TCP 10.0.0.100:80 exists on lb2 only",
          "table_differs: service TCP 10.0.0.100:81 exists on lb2 only"));
}

TEST(Status, Demoted) {
  Pair pair;
  control::Demotion& demotion = *pair.answers.vrrpd.said->mutable_demotion();
  demotion.set_by("root");
  demotion.set_reason("new kernel");
  demotion.set_age_ms(10'800'000);
  EXPECT_THAT(pair.problems(),
              ElementsAre("demoted: lb1 is demoted by root 3h 00m ago: new kernel; `pairadm "
                          "restore` ends it"));
  EXPECT_THAT(status_text(assess(pair.answers)),
              testing::HasSubstr("\n  demoted by root 3h 00m ago: new kernel\n"));
}

TEST(Status, TrackedTroubleAndEffectivePriority) {
  Pair pair;
  control::VrrpRouter& router = *pair.answers.vrrpd.said->mutable_routers(0);
  router.set_effective_priority(90);
  router.set_priority_why("150 - 60 (track nginx: exited with 1)");
  control::Tracked& tracked = *router.add_tracked();
  tracked.set_name("track nginx");
  tracked.set_known(true);
  tracked.set_reason("exited with 1");
  EXPECT_THAT(
      status_text(assess(pair.answers)),
      testing::HasSubstr("\n    effective priority: 90 = 150 - 60 (track nginx: exited with 1)\n"
                         "    track nginx: exited with 1\n"));
}

TEST(Status, ShowsWhomThisNodeWouldTellAndHasTold) {
  Pair pair;
  auto& orphans = *pair.answers.lbcore.said->mutable_orphans();
  EXPECT_THAT(status_text(assess(pair.answers)), testing::Not(testing::HasSubstr("orphans")));
  orphans.set_known(1000);
  orphans.set_told(20);
  EXPECT_THAT(status_text(assess(pair.answers)),
              testing::HasSubstr("\n  orphans: 1,000 known, 20 told\n"));
  orphans.set_not_told(3);
  orphans.set_left_out(4);
  EXPECT_THAT(status_text(assess(pair.answers)),
              testing::HasSubstr("1,000 known, 20 told, 3 not told, 4 left out\n"));
  EXPECT_THAT(status_json(assess(pair.answers)), testing::HasSubstr("\"not_told\": 3"));
}

TEST(Status, Json) {
  Pair pair;
  pair.answers.vrrpd.said->mutable_routers(0)->set_effective_priority(150);
  pair.own().clear_services();
  pair.own().clear_peer();
  const std::string json = status_json(assess(pair.answers));
  EXPECT_EQ(json, R"json({
  "summary": "lb1 is Active (main, since 3d 04:12, priority 150), lb2 has not been heard; sessions synced (12,345)",
  "healthy": false,
  "problems": [
    {
      "kind": "peer_silent",
      "text": "lb2 has not been heard since lbcore started"
    }
  ],
  "nodes": [
    {
      "name": "lb1",
      "this_node": true,
      "known": true,
      "heard_ms_ago": null,
      "stale": false,
      "version": "0.1.0",
      "uptime_ms": 871860000,
      "vrrpd": "running",
      "lbcore": "running",
      "routers": [
        {
          "name": "main",
          "state": "Active",
          "in_state_ms": 274320000,
          "reason": "no advertisement for 36ms",
          "addresses": [
            "10.0.0.100/24"
          ],
          "interface": "eth0",
          "vrid": 51,
          "priority": 150,
          "other_router": "10.0.0.2 priority 100, heard 8ms ago",
          "advert_interval_us": 10000,
          "transitions": 3,
          "sent": 27432000,
          "received": 12,
          "refused": {
            "checksum": 3,
            "ttl": 0
          },
          "history": [
            "Initialize -> Backup (listens for an Active) 864000s ago",
            "Backup -> Active (no advertisement for 36ms) 274320s ago"
          ],
          "effective_priority": 150
        }
      ],
      "sync": {
        "state": "synced",
        "peer": "lb2 10.255.0.2:7400",
        "sessions": 12345,
        "lag_entries": 0,
        "lag_ms": 0,
        "resyncs": 0,
        "refused": 0,
        "detail": "",
        "digest": "00000000000000ff",
        "protocol": 1,
        "features": [
          "tests/1"
        ],
        "ignored": 0
      },
      "services": [],
      "demoted": null,
      "differences": 0,
      "runtime_trouble": "",
      "orphans": null
    },
    {
      "name": "lb2",
      "this_node": false,
      "known": false,
      "heard_ms_ago": null,
      "stale": false,
      "version": "",
      "uptime_ms": 0,
      "vrrpd": "",
      "lbcore": "",
      "routers": [],
      "sync": null,
      "services": [],
      "demoted": null,
      "differences": 0,
      "runtime_trouble": "",
      "orphans": null
    }
  ]
}
)json");
}

}  // namespace
}  // namespace hapair::pairadm
