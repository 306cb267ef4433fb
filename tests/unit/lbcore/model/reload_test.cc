// Each case: the file as loaded, the file now, what runs -> what runs after the reload.
#include "lbcore/model/reload.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;
using test::server;
using test::web;

const Endpoint kA = at("10.0.1.1:80");
const Endpoint kB = at("10.0.1.2:80");

TEST(Reload, WithoutRuntimeChangesTheFileCounts) {
  Spec file = web();
  file.pools[0].servers[0].weight = 7;
  file.pools[0].servers.push_back(server("c", "10.0.1.3:80"));
  file.pools.push_back({.name = "more"});
  file.services.push_back({.name = "more", .listen = at("10.0.0.100:81"), .pool = "more"});
  EXPECT_EQ(merge_reload(web(), file, web()), file);
  EXPECT_EQ(merge_reload(file, web(), file), web());
}

TEST(Reload, ARuntimeValueStaysWhileTheFileDoesNotChangeIt) {
  Spec running = web();
  running.pools[0].servers[0].weight = 5;
  running.pools[0].scheduler = balance::Algorithm::rr;
  running.services[0].runtime = true;
  Spec file = web();
  file.pools[0].servers[1].weight = 9;  // another key of the same pool

  const Spec merged = merge_reload(web(), file, running);
  EXPECT_EQ(merged.pools[0].find_server(kA)->weight, 5U);
  EXPECT_EQ(merged.pools[0].find_server(kB)->weight, 9U);
  EXPECT_EQ(merged.pools[0].scheduler, balance::Algorithm::rr);
  EXPECT_TRUE(merged.services[0].runtime) << "its pool is not as in the file";
}

TEST(Reload, TimeoutsSetAtRunTimeStayUntilTheFileChangesThem) {
  Spec running = web();
  running.timeouts = {.tcp = 1h, .tcp_fin = 10s, .udp = 5min};
  Spec file = web();
  file.timeouts.tcp_fin = 1min;
  const Spec merged = merge_reload(web(), file, running);
  EXPECT_EQ(merged.timeouts, (Timeouts{.tcp = 1h, .tcp_fin = 1min, .udp = 5min}));
  EXPECT_FALSE(merged.services[0].runtime);
}

TEST(Reload, AValueThatChangedInTheFileWins) {
  Spec running = web();
  running.pools[0].servers[0].weight = 5;
  running.services[0].runtime = true;
  Spec file = web();
  file.pools[0].servers[0].weight = 9;

  const Spec merged = merge_reload(web(), file, running);
  EXPECT_EQ(merged, file);
  EXPECT_FALSE(merged.services[0].runtime);
}

TEST(Reload, TheTwoLimitsOfAServerGoTogether) {
  Spec running = web();
  running.pools[0].servers[0].max_connections = 100;
  running.pools[0].servers[0].min_connections = 90;
  running.pools[0].servers[1].backup = true;
  EXPECT_EQ(merge_reload(web(), web(), running).pools, running.pools);
  Spec file = web();
  file.pools[0].servers[0].max_connections = 50;
  const ServerSpec merged = *merge_reload(web(), file, running).pools[0].find_server(kA);
  EXPECT_EQ(merged.max_connections, 50U);
  EXPECT_EQ(merged.min_connections, 0U) << "90 would not be valid any more";
}

TEST(Reload, WhatOnlyPairadmMadeStays) {
  Spec running = web();
  running.pools.push_back({.name = "tcp-10.0.0.9:80", .servers = {server("x", "10.0.9.9:80")}});
  running.services.push_back({.name = "tcp-10.0.0.9:80",
                              .listen = at("10.0.0.9:80"),
                              .pool = "tcp-10.0.0.9:80",
                              .runtime = true});
  running.pools[0].servers.push_back(server("y", "10.0.1.9:80"));
  running.services[0].runtime = true;
  EXPECT_EQ(merge_reload(web(), web(), running), running);
}

TEST(Reload, WhatPairadmDeletedStaysDeletedUntilTheFileChangesIt) {
  Spec running = web();
  running.pools[0].servers.erase(running.pools[0].servers.begin());
  running.services[0].runtime = true;
  EXPECT_EQ(merge_reload(web(), web(), running), running);

  Spec file = web();
  file.pools[0].servers[0].weight = 2;
  EXPECT_EQ(merge_reload(web(), file, running), file);

  Spec empty;  // pairadm -C
  EXPECT_EQ(merge_reload(web(), web(), empty), empty);
}

TEST(Reload, WhatTheFileDropsGoesEvenIfChangedAtRunTime) {
  Spec running = web();
  running.pools[0].servers[1].weight = 5;
  Spec file = web();
  file.pools[0].servers.pop_back();
  EXPECT_EQ(merge_reload(web(), file, running).pools[0].find_server(kB), nullptr);
}

TEST(Reload, APoolThatARuntimeServiceUsesSurvivesItsRemovalFromTheFile) {
  Spec running = web();
  running.services.push_back(
      {.name = "tcp-10.0.0.9:80", .listen = at("10.0.0.9:80"), .pool = "web", .runtime = true});
  const Spec merged = merge_reload(web(), Spec{}, running);
  ASSERT_TRUE(validate(merged));
  ASSERT_EQ(merged.services.size(), 1U);
  EXPECT_EQ(merged.pools, running.pools);
}

TEST(Reload, TheStateOfAServerStaysUntilTheFileChangesIt) {
  const Spec loaded = test::web();
  Spec running = loaded;
  running.pools[0].servers[0].admin = ServerAdmin::disabled;
  Spec file = loaded;
  EXPECT_EQ(merge_reload(loaded, file, running).pools[0].servers[0].admin, ServerAdmin::disabled);
  file.pools[0].servers[0].admin = ServerAdmin::drain;
  EXPECT_EQ(merge_reload(loaded, file, running).pools[0].servers[0].admin, ServerAdmin::drain);
}

}  // namespace
}  // namespace hapair::lbcore
