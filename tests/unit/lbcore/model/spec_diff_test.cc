#include "lbcore/model/spec_diff.h"

#include <gmock/gmock.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;
using test::server;
using test::web;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

ListenKey tcp(const std::string& text) {
  return {Protocol::tcp, at(text)};
}

TEST(SpecDiff, NothingChanged) {
  const SpecDiff changes = diff(web(), web());
  EXPECT_TRUE(changes.empty());
  EXPECT_THAT(changes.opened, IsEmpty());
  EXPECT_THAT(changes.closed, IsEmpty());
}

TEST(SpecDiff, ServiceMovesToAnotherAddress) {
  Spec after = web();
  after.services[0].listen = at("10.0.0.100:8000");
  const SpecDiff changes = diff(web(), after);
  EXPECT_THAT(changes.opened, ElementsAre(tcp("10.0.0.100:8000")));
  EXPECT_THAT(changes.closed, ElementsAre(tcp("10.0.0.100:80")));
  EXPECT_THAT(changes.lines, ElementsAre("service web: added on tcp 10.0.0.100:8000, pool web",
                                         "service web: removed from tcp 10.0.0.100:80"));
}

TEST(SpecDiff, ServiceTakesAnotherPoolAndName) {
  Spec after = web();
  after.pools.push_back({.name = "new"});
  after.services[0].pool = "new";
  after.services[0].name = "shop";
  const SpecDiff changes = diff(web(), after);
  EXPECT_THAT(changes.opened, IsEmpty());
  EXPECT_THAT(changes.lines,
              ElementsAre("service web: now named shop", "service shop: pool web -> new",
                          "pool new: added with 0 servers"));
}

TEST(SpecDiff, EveryValueOfAPool) {
  Spec after = web();
  PoolSpec& pool = after.pools[0];
  pool.scheduler = balance::Algorithm::rr;
  pool.sticky = {.timeout = 10min};
  pool.check.kind = health::CheckKind::none;
  pool.connect_timeout = 500ms;
  pool.slow_start = 30s;
  EXPECT_THAT(diff(web(), after).lines,
              ElementsAre("pool web: scheduler wlc -> rr", "pool web: sticky none -> source/32 10m",
                          "pool web: check changed", "pool web: connect_timeout 3s -> 500ms",
                          "pool web: slow_start 0s -> 30s"));
}

TEST(SpecDiff, ServersOfAPool) {
  Spec after = web();
  after.pools[0].servers = {server("a", "10.0.1.1:80", 5), server("bb", "10.0.1.2:80"),
                            server("c", "10.0.1.3:80", 2)};
  EXPECT_THAT(diff(web(), after).lines,
              ElementsAre("server web/a: weight 1 -> 5", "server web/b: now named bb",
                          "server web/c: added, 10.0.1.3:80 weight 2"));
  EXPECT_THAT(diff(after, web()).lines,
              ElementsAre("server web/a: weight 5 -> 1", "server web/bb: now named b",
                          "server web/c: removed, 10.0.1.3:80"));
}

TEST(SpecDiff, LimitsOfAServer) {
  Spec after = web();
  ServerSpec& a = after.pools[0].servers[0];
  a.max_connections = 100;
  a.min_connections = 90;
  a.backup = true;
  EXPECT_THAT(diff(web(), after).lines,
              ElementsAre("server web/a: max_connections 0 -> 100",
                          "server web/a: min_connections 0 -> 90", "server web/a: now a backup"));
  EXPECT_THAT(diff(after, web()).lines, ElementsAre("server web/a: max_connections 100 -> 0",
                                                    "server web/a: min_connections 90 -> 0",
                                                    "server web/a: no longer a backup"));
}

TEST(SpecDiff, OrderOfServersCounts) {
  Spec after = web();
  std::swap(after.pools[0].servers[0], after.pools[0].servers[1]);
  EXPECT_THAT(diff(web(), after).lines, ElementsAre("pool web: servers are in another order"));
}

TEST(SpecDiff, PoolRemoved) {
  Spec before = web();
  before.pools.push_back({.name = "old"});
  EXPECT_THAT(diff(before, web()).lines, ElementsAre("pool old: removed"));
}

TEST(SpecDiff, StateOfAServer) {
  Spec after = test::web();
  after.pools[0].servers[0].admin = ServerAdmin::drain;
  EXPECT_THAT(diff(test::web(), after).lines, ElementsAre("server web/a: enabled -> drain"));
}

}  // namespace
}  // namespace hapair::lbcore
