// What each path of the status listener answers about a small topology.
#include "lbcore/observe/pages.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lbcore/observe/exposition.h"
#include "tests/unit/lbcore/observe/prometheus_reader.h"

namespace hapair::lbcore::observe {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string text_of(const Page& page, size_t* pieces = nullptr) {
  std::string out;
  size_t count = 1;
  while (page.body->append_piece(out)) ++count;
  if (pieces != nullptr) *pieces = count;
  return out;
}

class Pages : public ::testing::Test {
 protected:
  Pages() { build(2); }

  void build(int servers) {
    Spec spec;
    PoolSpec pool{.name = "web"};
    for (int i = 0; i < servers; ++i) {
      pool.servers.push_back(
          {.name = "s" + std::to_string(i),
           .address = {IpAddress::v4(0x0a000000U + static_cast<uint32_t>(i)), 8080}});
    }
    spec.pools.push_back(pool);
    spec.services.push_back(
        {.name = "web", .listen = Endpoint::parse("10.0.0.100:80").value(), .pool = "web"});
    view.topology = registry.build(spec);
    view.pool_sessions = {7};
    view.node.set_node("lb1");
    view.node.set_version("1");
    view.node.set_serving(true);
    view.pool_evictions = {2};
    view.most_pool_sessions = 100;
    view.describe_service = [](const Service& service) {
      control::Service told;
      told.set_name(service.spec.name);
      return told;
    };
    view.describe_server = [this](const Server& server) {
      ++described;
      control::Server told;
      told.set_name(server.spec.name);
      return told;
    };
  }

  LiveServer& live(size_t number) { return *view.topology->pools[0]->servers[number].live; }

  Source source() {
    return {.hung = [this] { return hung; },
            .readiness = [this] { return readiness(view.node, elects); },
            .view = [this] { return view; }};
  }
  Page get(std::string_view path) { return page(source(), path); }

  Registry registry;
  View view;
  size_t described = 0;
  std::string hung;
  bool elects = true;
};

TEST_F(Pages, MetricsAreStrictlyInPrometheusFormat) {
  for (uint64_t us : {90U, 200U, 90'000U}) live(0).latency.get().connect.add(us);
  live(0).latency.get().first_byte.add(1500);
  live(0).latency.get().duration.add(2'000'000);
  live(1).up = true;
  auto& router = *view.node.add_routers();
  router.set_name("ma\"in\\");
  router.set_state(role::STATE_ACTIVE);
  const Page metrics = get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.type, "text/plain; version=0.0.4; charset=utf-8");
  const std::string text = text_of(metrics);
  test::PrometheusReader reader;
  EXPECT_EQ(reader.read(text), "") << text;
  auto& told = reader.samples;
  EXPECT_EQ(told.at("hapair_serving"), 1);
  EXPECT_EQ(told.at(R"(hapair_router_active{router="ma\"in\\"})"), 1);
  EXPECT_EQ(told.at(R"(hapair_pool_sessions{pool="web"})"), 7);
  EXPECT_EQ(told.at(R"(hapair_pool_servers_up{pool="web"})"), 1);
  const std::string s0 = R"({pool="web",server="s0",address="10.0.0.0:8080")";
  EXPECT_EQ(told.at("hapair_server_up" + s0 + "}"), 0);
  EXPECT_EQ(told.at("hapair_server_connect_seconds_bucket" + s0 + R"(,le="0.0001"})"), 1);
  EXPECT_EQ(told.at("hapair_server_connect_seconds_bucket" + s0 + R"(,le="0.00025"})"), 2);
  EXPECT_EQ(told.at("hapair_server_connect_seconds_bucket" + s0 + R"(,le="+Inf"})"), 3);
  EXPECT_EQ(told.at("hapair_server_connect_seconds_count" + s0 + "}"), 3);
  EXPECT_DOUBLE_EQ(told.at("hapair_server_connect_seconds_sum" + s0 + "}"), 0.09029);
  EXPECT_GT(told.at("process_resident_memory_bytes"), 0);
  EXPECT_GT(told.at("process_start_time_seconds"), 1e9);
  EXPECT_EQ(text.find("hapair_server_connect_seconds_count{pool=\"web\",server=\"s1\""),
            std::string::npos)
      << "a server without connections has no histogram";
}

TEST_F(Pages, AThousandServersComeInSmallPieces) {
  build(1000);
  for (size_t i = 0; i < 1000; ++i) live(i).latency.get().connect.add(i);
  size_t pieces = 0;
  const std::string text = text_of(get("/metrics"), &pieces);
  test::PrometheusReader reader;
  EXPECT_EQ(reader.read(text), "");
  EXPECT_GT(pieces, text.size() / 16384);
}

TEST_F(Pages, APieceDescribesAFewServers) {
  build(1000);
  for (size_t i = 0; i < 1000; ++i) live(i).latency.get().connect.add(10);
  std::string text;
  Page services = get("/api/v1/services.json");
  EXPECT_EQ(described, 0U) << "nobody is described before somebody reads";
  for (bool more = true; more;) {
    const size_t before = described;
    more = services.body->append_piece(text);
    EXPECT_LE(described - before, Body::kServersPerPiece);
  }
  EXPECT_EQ(described, 1000U);
  const json all = json::parse(text);
  const json& web = all.at("services").at(0);
  EXPECT_EQ(web.at("servers").size(), 1000U);
  EXPECT_EQ(web.at("servers").at(999).at("name"), "s999");
  EXPECT_EQ(web.at("latency_us").at("connect").at("count"), 1000);

  size_t pieces = 0;
  const json sessions = json::parse(text_of(get("/api/v1/sessions.json"), &pieces));
  EXPECT_EQ(sessions.at("pools").at(0).at("servers").size(), 1000U);
  EXPECT_GE(pieces, 10U);
}

TEST_F(Pages, ServicesFollowEachOtherWithTheirOwnFigures) {
  Spec spec;
  for (const char* name : {"one", "\"servers\":[]", "none"}) {
    const auto port = static_cast<uint16_t>(80 + spec.pools.size());
    spec.pools.push_back({.name = name});
    spec.services.push_back(
        {.name = name, .listen = {IpAddress::v4(0x0a000064U), port}, .pool = name});
  }
  for (uint32_t i = 1; i < 4; ++i)
    spec.pools[i == 1 ? 0 : 1].servers.push_back(
        {.name = "s" + std::to_string(i), .address = {IpAddress::v4(0x0a000100U + i), 80}});
  view.topology = registry.build(spec);
  for (const auto& pool : view.topology->pools)
    for (const Server& server : pool->servers) server.live->latency.get().connect.add(10);
  const json services = json::parse(text_of(get("/api/v1/services.json"))).at("services");
  ASSERT_EQ(services.size(), 3U);
  EXPECT_EQ(services[1].at("name"), "\"servers\":[]");
  for (const auto& [at, servers] : std::map<size_t, size_t>{{0, 1}, {1, 2}, {2, 0}}) {
    EXPECT_EQ(services[at].at("servers").size(), servers);
    EXPECT_EQ(services[at].at("latency_us").at("connect").at("count"), servers);
  }
}

TEST_F(Pages, MetricsOfWhatGoesWrong) {
  LiveService& web = *view.topology->services[0]->live;
  web.refused[static_cast<size_t>(Refusal::max_rate)] = 5;
  web.refused[static_cast<size_t>(Refusal::proxy_header)] = 3;
  web.queued = 2;
  web.queue_waits = 9;
  web.retries = 4;
  web.idle_timeouts = 6;
  web.half_closed_timeouts = 7;
  live(0).up = true;
  live(1).up = true;
  live(1).ejected = true;
  live(1).ejections = 8;
  live(1).failures = 3;
  test::PrometheusReader reader;
  const std::string text = text_of(get("/metrics"));
  EXPECT_EQ(reader.read(text), "") << text;
  auto& told = reader.samples;
  EXPECT_EQ(told.at(R"(hapair_service_refused_total{service="web",reason="max_rate"})"), 5);
  EXPECT_EQ(told.at(R"(hapair_service_refused_total{service="web",reason="proxy_header"})"), 3);
  EXPECT_EQ(told.at(R"(hapair_service_refused_total{service="web",reason="queue_timeout"})"), 0);
  const std::string of_web = R"({service="web"})";
  EXPECT_EQ(told.at("hapair_service_queued" + of_web), 2);
  EXPECT_EQ(told.at("hapair_service_queue_waits_total" + of_web), 9);
  EXPECT_EQ(told.at("hapair_service_retries_total" + of_web), 4);
  EXPECT_EQ(told.at("hapair_service_idle_timeouts_total" + of_web), 6);
  EXPECT_EQ(told.at("hapair_service_half_closed_timeouts_total" + of_web), 7);
  const std::string s1 = R"({pool="web",server="s1",address="10.0.0.1:8080"})";
  EXPECT_EQ(told.at("hapair_server_ejected" + s1), 1);
  EXPECT_EQ(told.at("hapair_server_ejections_total" + s1), 8);
  EXPECT_EQ(told.at("hapair_server_failures" + s1), 3);
  EXPECT_EQ(told.at(R"(hapair_pool_servers_available{pool="web"})"), 1);
  EXPECT_EQ(told.at(R"(hapair_pool_sessions_evicted_total{pool="web"})"), 2);
  EXPECT_EQ(told.at("hapair_pool_sessions_most"), 100);
}

TEST_F(Pages, MetricsBeforeTheFirstConfiguration) {
  view.topology = nullptr;
  view.pool_sessions.clear();
  view.pool_evictions.clear();
  test::PrometheusReader reader;
  EXPECT_EQ(reader.read(text_of(get("/metrics"))), "");
}

TEST_F(Pages, JsonHasTheQuantiles) {
  for (int i = 0; i < 99; ++i) live(0).latency.get().connect.add(10);
  live(1).latency.get().connect.add(15);
  const json services = json::parse(text_of(get("/api/v1/services.json")));
  const json& web = services.at("services").at(0);
  EXPECT_EQ(web.at("name"), "web");
  EXPECT_EQ(web.at("latency_us").at("connect").at("count"), 100);
  EXPECT_EQ(web.at("latency_us").at("connect").at("p50"), 10);
  EXPECT_EQ(web.at("latency_us").at("connect").at("p99.9"), 15);
  EXPECT_EQ(web.at("servers").at(0).at("latency_us").at("connect").at("count"), 99);
}

TEST_F(Pages, JsonOfStatusAndSessions) {
  view.node.add_troubles("status_listen: no");
  const json status = json::parse(text_of(get("/api/v1/status.json")));
  EXPECT_EQ(status.at("node"), "lb1");
  EXPECT_EQ(status.at("troubles").at(0), "status_listen: no");
  live(1).sessions = 3;
  const json sessions = json::parse(text_of(get("/api/v1/sessions.json")));
  EXPECT_EQ(sessions.at("pools").at(0).at("sessions"), 7);
  EXPECT_EQ(sessions.at("pools").at(0).at("servers").at("s1"), 3);
}

TEST_F(Pages, JsonBeforeTheFirstConfiguration) {
  view = {};
  EXPECT_TRUE(json::parse(text_of(get("/api/v1/services.json"))).at("services").empty());
  EXPECT_TRUE(json::parse(text_of(get("/api/v1/sessions.json"))).at("pools").empty());
  EXPECT_FALSE(json::parse(text_of(get("/api/v1/status.json"))).at("serving"));
}

TEST_F(Pages, LiveWhileTheLoopsTurn) {
  EXPECT_EQ(get("/live").status, 200);
  hung = "worker 1 has hung for 3s";
  EXPECT_EQ(get("/live").status, 503);
  EXPECT_THAT(text_of(get("/live")), HasSubstr("worker 1"));
}

TEST_F(Pages, ReadyOnlyOnAServingActive) {
  const auto told = [this] {
    const Page page = get("/ready");
    return std::to_string(page.status) + " " + text_of(page);
  };
  EXPECT_EQ(told(), "503 vrrpd is not connected\n");
  view.node.set_vrrpd_connected(true);
  auto& router = *view.node.add_routers();
  router.set_state(role::STATE_BACKUP);
  EXPECT_EQ(told(), "503 not Active\n");
  router.set_state(role::STATE_ACTIVE);
  EXPECT_EQ(told(), "200 Active\n");
  view.node.set_serving(false);
  view.node.set_not_serving_reason("starting");
  EXPECT_EQ(told(), "503 not serving: starting\n");
}

TEST_F(Pages, ReadyWithoutAnyVirtualRouterWhenItServes) {
  elects = false;
  EXPECT_EQ(get("/ready").status, 200);
}

TEST_F(Pages, WhatIsNotThereIsSaidWithWhatIs) {
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_THAT(text_of(get("/nothing")), HasSubstr("/metrics"));
}

}  // namespace
}  // namespace hapair::lbcore::observe
