// Sessions from one process's tables to another's, whose numbers of pools and servers differ.
#include "lbcore/upgrade/session_feed.h"

#include <gtest/gtest.h>

#include "lbcore/model/topology.h"

namespace hapair::lbcore::upgrade {
namespace {

IpAddress client(uint32_t number) {
  return IpAddress::v4(0x0A000000U + number);
}

/// One process: a sticky pool "web" with two servers, behind another one or not.
struct Process {
  explicit Process(bool other_first) {
    Spec spec;
    const StickySpec sticky{.timeout = 10min};
    if (other_first) {
      spec.pools.push_back({.name = "other",
                            .sticky = sticky,
                            .servers = {{.name = "x", .address = at("10.1.0.1:80")}}});
    }
    spec.pools.push_back({.name = "web",
                          .sticky = sticky,
                          .servers = {{.name = "a", .address = at("10.0.1.1:80")},
                                      {.name = "b", .address = at("10.0.1.2:80")}}});
    topology = registry.build(spec);
    store.configure(*topology, now);
    pool = registry.pool("web");
  }
  static Endpoint at(const std::string& text) { return Endpoint::parse(text).value(); }
  ServerId server(const std::string& address) { return registry.server("web", at(address))->id; }
  std::string server_of(uint32_t number) {
    const auto used = store.use(pool, client(number), now);
    return used ? registry.find(*used)->address.to_string() : "none";
  }

  TimePoint now = Clock::now();
  Registry registry;
  sticky::SessionStore store{[this](ServerId id) { return registry.find(id); }, 1U << 20, [] {}};
  std::shared_ptr<const Topology> topology;
  PoolId pool = 0;
};

class SessionFeedTest : public ::testing::Test {
 protected:
  void deliver(const wire::FromOld& message) {
    ASSERT_TRUE(message.has_sessions());
    EXPECT_LT(message.ByteSizeLong(), size_t{64} << 10) << "a packet holds it";
    const auto taken = sink.take(message.sessions(), serving, heir.now);
    EXPECT_TRUE(taken) << taken.error().message;
  }
  void all_slices() {
    while (source.slice(old.now)) {
    }
  }

  Process old{true};
  Process heir{false};
  bool serving = false;
  SessionSource source{old.registry, old.store,
                       [this](const wire::FromOld& message) { deliver(message); }};
  SessionSink sink{heir.registry, heir.store};
};

TEST_F(SessionFeedTest, EverySessionArrivesWithItsServer) {
  const ServerId a = old.server("10.0.1.1:80");
  const ServerId b = old.server("10.0.1.2:80");
  for (uint32_t i = 0; i < 5000; ++i) {
    old.store.put(old.pool, client(i), i % 2 == 0 ? a : b, old.now);
  }
  all_slices();
  EXPECT_EQ(heir.store.size(), 5000U);
  EXPECT_EQ(heir.server_of(0), "10.0.1.1:80");
  EXPECT_EQ(heir.server_of(4999), "10.0.1.2:80");
  EXPECT_TRUE(heir.store.take_changes().list.empty()) << "no news: the peer has them";
}

TEST_F(SessionFeedTest, ChangesWinOverTheSlicesBeforeThem) {
  const ServerId a = old.server("10.0.1.1:80");
  const ServerId b = old.server("10.0.1.2:80");
  old.store.put(old.pool, client(1), a, old.now);
  old.store.put(old.pool, client(2), a, old.now);
  old.store.take_changes();
  all_slices();
  old.store.put(old.pool, client(1), b, old.now);
  old.store.forget_server(old.pool, a, old.now);
  source.changes(old.store.take_changes());
  EXPECT_EQ(heir.server_of(1), "10.0.1.2:80");
  EXPECT_EQ(heir.server_of(2), "none");
  EXPECT_FALSE(source.overflowed());
}

TEST_F(SessionFeedTest, WhatComesWhileItServesIsNewsForThePeer) {
  all_slices();
  serving = true;
  old.store.put(old.pool, client(7), old.server("10.0.1.1:80"), old.now);
  source.changes(old.store.take_changes());
  EXPECT_EQ(heir.server_of(7), "10.0.1.1:80");
  EXPECT_EQ(heir.store.take_changes().list.size(), 1U);
  // The old process is not the owner any more: what it forgets stays.
  old.store.forget_server(old.pool, old.server("10.0.1.1:80"), old.now);
  source.changes(old.store.take_changes());
  EXPECT_EQ(heir.server_of(7), "10.0.1.1:80");
}

TEST_F(SessionFeedTest, ABatchThatMakesNoSenseIsRefused) {
  replicate::wire::Batch batch;
  auto* run = batch.add_runs();
  run->set_pool(3);
  run->set_key_bytes(4);
  EXPECT_FALSE(sink.take(batch, false, heir.now));
}

}  // namespace
}  // namespace hapair::lbcore::upgrade
