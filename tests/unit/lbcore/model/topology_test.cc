#include "lbcore/model/topology.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;
using test::server;
using test::web;

TEST(Registry, ResolvesEveryName) {
  Registry registry;
  const auto topology = registry.build(web());
  ASSERT_EQ(topology->services.size(), 1U);
  const Service& service = *topology->services[0];
  EXPECT_EQ(service.live->name, "web");
  EXPECT_EQ(service.pool, topology->pools[0]);
  ASSERT_EQ(service.pool->servers.size(), 2U);
  EXPECT_EQ(service.pool->servers[1].spec.name, "b");
  EXPECT_EQ(service.pool->servers[1].live->address, at("10.0.1.2:80"));
  EXPECT_EQ(*registry.pool_name(service.pool->id), "web");
  EXPECT_FALSE(service.pool->servers[0].live->up) << "servers start down";
  EXPECT_EQ(service.idle_timeout, 15min);
  EXPECT_EQ(service.half_closed_timeout, 2min);
}

TEST(Registry, LiveStateSurvivesEveryChangeOfTheSpec) {
  Registry registry;
  const auto before = registry.build(web());
  before->pools[0]->servers[1].live->counters.connections = 42;
  before->services[0]->live->counters.failed = 7;

  Spec changed = web();
  changed.services[0].listen = at("10.0.0.100:8000");
  changed.pools[0].scheduler = balance::Algorithm::rr;
  changed.pools[0].servers = {server("z", "10.0.1.3:80"), server("renamed", "10.0.1.2:80", 5)};
  const auto after = registry.build(changed);
  EXPECT_GT(after->generation, before->generation);
  EXPECT_EQ(after->pools[0]->id, before->pools[0]->id);
  EXPECT_EQ(after->pools[0]->servers[1].live, before->pools[0]->servers[1].live);
  EXPECT_EQ(after->pools[0]->servers[1].live->counters.connections, 42U);
  EXPECT_EQ(after->services[0]->live->counters.failed, 7U);

  // A server that comes back after it was removed finds its figures as well.
  registry.build(Spec{});
  EXPECT_EQ(registry.build(web())->pools[0]->servers[1].live->counters.connections, 42U);
}

TEST(Registry, OneAddressInTwoPoolsIsTwoServers) {
  Spec spec = web();
  spec.pools.push_back({.name = "other", .servers = {server("a", "10.0.1.1:80")}});
  Registry registry;
  const auto topology = registry.build(spec);
  EXPECT_NE(topology->pools[0]->servers[0].live, topology->pools[1]->servers[0].live);
}

TEST(Registry, FindsServersThatOnlyThePeerKnows) {
  Registry registry;
  const auto unknown = registry.server("web", at("10.0.1.77:80"));
  EXPECT_EQ(registry.find(unknown->id), unknown);
  EXPECT_EQ(registry.find(unknown->id + 1), nullptr);
  EXPECT_EQ(registry.pool("web"), 0U);
  EXPECT_EQ(registry.pool("web"), 0U);
  EXPECT_EQ(*registry.pool_name(0), "web");
  EXPECT_EQ(registry.pool_name(1), nullptr);
}

TEST(Registry, ForgetsWhatWasRemovedLongAgoAndNobodyHolds) {
  Registry registry;
  std::weak_ptr<LiveServer> first;
  std::weak_ptr<LiveService> first_service;
  std::shared_ptr<const LiveServer> held;  // by a connection, say
  constexpr uint32_t kMany = 3 * Registry::kRemembered;
  for (uint32_t i = 0; i < kMany; ++i) {
    Spec spec = web();
    const std::string name = "tcp-" + std::to_string(i);
    spec.pools.push_back(
        {.name = name, .servers = {{.name = "s", .address = {IpAddress::v4(i), 80}}}});
    spec.services.push_back({.name = name, .listen = {IpAddress::v4(i), 80}, .pool = name});
    const auto topology = registry.build(spec);
    const LiveServer& live = *topology->pools[1]->servers[0].live;
    if (i == 0) first = topology->pools[1]->servers[0].live;
    if (i == 0) first_service = topology->services[1]->live;
    if (i == 1) held = topology->pools[1]->servers[0].live;
    EXPECT_EQ(registry.find(live.id).get(), &live);
    topology->pools[0]->servers[0].live->counters.connections = i;
  }
  EXPECT_TRUE(first.expired());
  EXPECT_TRUE(first_service.expired());
  EXPECT_EQ(registry.find(2), nullptr);
  EXPECT_EQ(registry.pool_name(1), nullptr);
  EXPECT_EQ(registry.find(held->id), held);
  const auto last = registry.build(web());
  EXPECT_EQ(last->pools[0]->servers[0].live->counters.connections, kMany - 1) << "in use all along";
  EXPECT_NE(registry.find(kMany), nullptr) << "removed a moment ago";
}

}  // namespace
}  // namespace hapair::lbcore
