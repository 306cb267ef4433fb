// Two Replicators over loopback, with the real store, link and TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/replicate/two_replicators.h"

namespace hapair::lbcore::replicate::test {
namespace {

class ReplicatorTest : public testing::Test {
 protected:
  void start_both() {
    lb1_.active = true;
    lb1_.start();
    lb2_.start();
  }
  bool both_synced(Duration within = 5s) {
    return turn_until(loop_, within,
                      [&] { return lb1_.replicator->synced() && lb2_.replicator->synced(); });
  }

  uint16_t port_ = free_port();
  EventLoop loop_;
  Logger log_{"test"};
  ReplicatingNode lb1_{loop_, log_, loopback_pair(true, port_), kKey};
  ReplicatingNode lb2_{loop_, log_, loopback_pair(false, port_), kKey};
};

TEST_F(ReplicatorTest, SyncsInBothDirectionsAtConnect) {
  for (uint32_t i = 0; i < 5000; ++i) lb1_.put(i);
  for (uint32_t i = 5000; i < 6000; ++i) lb2_.put(i);
  start_both();
  ASSERT_TRUE(both_synced()) << lb1_.state() << ' ' << lb1_.detail();
  EXPECT_EQ(lb1_.store.size(), 6000U);
  EXPECT_EQ(lb2_.store.size(), 6000U);
  EXPECT_EQ(lb2_.server_of(17), backend(1 + 17 % 3));
  EXPECT_EQ(lb1_.server_of(5017), backend(1 + 5017 % 3));
  EXPECT_GE(lb1_.state_changes, 1);
  EXPECT_EQ(lb1_.detail(), "");
}

TEST_F(ReplicatorTest, ASessionArrivesAndItsRemovalToo) {
  start_both();
  ASSERT_TRUE(both_synced());
  lb1_.put(1);
  EXPECT_TRUE(turn_until(loop_, 2s, [&] { return lb2_.server_of(1).has_value(); }));
  EXPECT_EQ(lb2_.server_of(1), backend(2));
  lb1_.store.forget_server(lb1_.registry.pool("web"), lb1_.registry.server("web", backend(2))->id,
                           loop_.now());
  EXPECT_TRUE(turn_until(loop_, 2s, [&] { return lb2_.store.size() == 0; }));
  EXPECT_TRUE(turn_until(loop_, 2s, [&] { return lb1_.replicator->sync().lag_entries() == 0; }));
}

TEST_F(ReplicatorTest, CarriesIPv6ClientsBesideIPv4Ones) {
  const PoolId web = lb1_.registry.pool("web");
  const auto server = lb1_.registry.server("web", backend(1))->id;
  const auto v6 = *IpAddress::parse("2001:db8::17");
  lb1_.put(1);
  lb1_.store.put(web, v6, server, loop_.now());
  start_both();
  ASSERT_TRUE(both_synced());
  const auto arrived = [&](const IpAddress& key) {
    const auto id = lb2_.store.use(lb2_.registry.pool("web"), key, loop_.now());
    return id && lb2_.registry.find(*id)->address == backend(1);
  };
  EXPECT_TRUE(arrived(v6)) << "in the snapshot";
  const auto later = *IpAddress::parse("2001:db8::18");
  lb1_.put(2);
  lb1_.store.put(web, later, server, loop_.now());
  EXPECT_TRUE(turn_until(loop_, 2s, [&] { return arrived(later); })) << "in a delta";
  EXPECT_EQ(lb2_.store.size(), 4U);
}

TEST_F(ReplicatorTest, AfterASplitTheActivesWordCounts) {
  // Both served alone for a while and gave client 1 a server each, with the same version.
  const auto give = [&](ReplicatingNode& node, uint32_t server) {
    node.store.put(node.registry.pool("web"), client(1),
                   node.registry.server("web", backend(server))->id, loop_.now());
  };
  give(lb1_, 1);
  give(lb2_, 2);
  lb2_.active = true;
  lb1_.start();
  lb2_.start();
  ASSERT_TRUE(both_synced());
  EXPECT_EQ(lb1_.server_of(1), backend(2));
  EXPECT_EQ(lb2_.server_of(1), backend(2));
  EXPECT_EQ(lb1_.replicator->sync().resyncs() + lb2_.replicator->sync().resyncs(), 0U);
}

TEST_F(ReplicatorTest, HearsThePeersStatus) {
  start_both();
  ASSERT_TRUE(turn_until(loop_, 2s, [&] { return lb2_.replicator->peer_status() != nullptr; }));
  EXPECT_EQ(lb2_.replicator->peer_status()->status.node(), "lb1");
}

TEST_F(ReplicatorTest, TakesUpAgainAfterEitherNodeRestarts) {
  start_both();
  ASSERT_TRUE(both_synced());
  for (uint32_t i = 0; i < 100; ++i) lb1_.put(i);
  for (auto* node : {&lb1_, &lb2_}) {
    node->stop();
    auto& other = node == &lb1_ ? lb2_ : lb1_;
    EXPECT_TRUE(turn_until(loop_, 2s, [&] { return other.state() == "disconnected"; }));
    other.put(node == &lb1_ ? 1000 : 1001);
    node->start();
    ASSERT_TRUE(both_synced());
  }
  EXPECT_EQ(lb1_.store.size(), 102U);
  EXPECT_EQ(lb2_.store.size(), 102U);
}

TEST_F(ReplicatorTest, AFloodOfChangesOverflowsIntoANewSnapshot) {
  start_both();
  ASSERT_TRUE(both_synced());
  // More than the store's list holds before the loop turns once.
  const uint32_t count = sticky::SessionStore::kMaxChanges * 2;
  for (uint32_t i = 0; i < count; ++i) lb1_.put(i);
  ASSERT_TRUE(turn_until(loop_, 10s, [&] {
    return lb2_.store.size() == count && lb1_.replicator->synced() && lb2_.replicator->synced();
  }));
  EXPECT_GE(lb1_.replicator->sync().resyncs(), 1U);
}

TEST_F(ReplicatorTest, AnotherKeyIsSaidOnBothSides) {
  lb2_.key = kOtherKey;
  start_both();
  EXPECT_TRUE(turn_until(loop_, 3s,
                         [&] {
                           return lb1_.detail() == "key does not match" &&
                                  lb2_.detail() == "key does not match";
                         }))
      << lb1_.detail() << " / " << lb2_.detail();
  EXPECT_GT(lb1_.replicator->sync().refused(), 0U);
  EXPECT_GT(lb2_.replicator->sync().refused(), 0U);
  EXPECT_EQ(lb1_.state(), "disconnected");
}

TEST_F(ReplicatorTest, AnUnreachablePeerIsSaid) {
  lb1_.start();
  EXPECT_TRUE(turn_until(loop_, 2s, [&] { return lb1_.detail() == "connect: Connection refused"; }))
      << lb1_.detail();
}

TEST_F(ReplicatorTest, APortInUseIsSaidAndTriedAgain) {
  std::optional<Replicator> other;
  ReplicatingNode squatter(loop_, log_, loopback_pair(false, port_), kKey);
  squatter.start();
  lb2_.start();
  EXPECT_EQ(lb2_.detail(), "listen: Address already in use");
  squatter.stop();
  lb1_.start();
  EXPECT_TRUE(both_synced());
}

TEST_F(ReplicatorTest, ThePoolThatOnlyOneNodeHasDoesNotDisturb) {
  ReplicatingNode more(loop_, log_, loopback_pair(true, port_), kKey, {"web", "extra"});
  more.active = true;
  more.put(1, "extra");
  more.put(2, "web");
  more.start();
  lb2_.start();
  ASSERT_TRUE(turn_until(loop_, 5s,
                         [&] { return more.replicator->synced() && lb2_.replicator->synced(); }));
  EXPECT_EQ(lb2_.store.size(), 1U);
  EXPECT_FALSE(turn_until(loop_, 2500ms, [&] { return !more.replicator->synced(); }))
      << "a barrier took it for a difference";
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test
