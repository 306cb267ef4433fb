// Waiting for a full server, through a real worker.
#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

class QueueTest : public WorkerTest {
 protected:
  /// One server with room for one.
  void SetUp() override {
    WorkerTest::SetUp();
    PoolSpec& pool = spec.pools[0];
    pool.servers.pop_back();
    pool.servers[0].max_connections = 1;
    pool.relay.queue_size = 3;
  }
  LiveService& service() { return *topology->services[0]->live; }
  uint64_t refused(Refusal reason) { return service().refused[static_cast<size_t>(reason)]; }
  void expect_queued(uint32_t count) {
    EXPECT_TRUE(eventually(5s, [&] { return service().queued == count; }));
  }
  /// The next one that the server accepts has said this.
  Stream expect_served(const std::string& word) {
    Stream server = a.accept();
    EXPECT_EQ(server.hear(), word);
    return server;
  }
  Stream connect_and_say(const std::string& word) {
    Stream client = connect();
    client.say(word);
    return client;
  }
};

TEST_F(QueueTest, AFreePlaceGoesToWhoWaitedLongest) {
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect_and_say("2");
  expect_queued(1);
  Stream third = connect_and_say("3");
  expect_queued(2);
  first.reset();
  server = expect_served("2");
  expect_queued(1);
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 1; }));
  second.reset();
  server = expect_served("3");
  server.say("answer");
  EXPECT_EQ(third.hear(), "answer");
  third.reset();
  expect_idle();
  expect_queued(0);
  EXPECT_EQ(service_counters().failed, 0U);
}

TEST_F(QueueTest, BeyondItsSizeClientsAreReset) {
  spec.pools[0].relay.queue_size = 1;
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect();
  expect_queued(1);
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::queue_full) == 1; }));
  expect_queued(1);
}

TEST_F(QueueTest, WaitingEndsAfterItsTime) {
  spec.pools[0].relay.queue_timeout = 50ms;
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::queue_timeout) == 1; }));
  expect_queued(0);
  first.say("still served");
  EXPECT_EQ(server.hear(), "still served");
}

TEST_F(QueueTest, WhoLeavesMeanwhileIsPassedOver) {
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect_and_say("2");
  expect_queued(1);
  Stream third = connect();
  expect_queued(2);
  Stream fourth = connect_and_say("4");
  expect_queued(3);
  second.reset();
  third.close();
  first.reset();
  server = expect_served("4");
  expect_queued(0);
}

TEST_F(QueueTest, WhoLeavesIsFoundBeforeItsTurn) {
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect();
  expect_queued(1);
  second.close();
  expect_queued(0);
}

TEST_F(QueueTest, AServerThatGetsRoomByAReloadIsFound) {
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect_and_say("2");
  expect_queued(1);
  spec.pools[0].servers[0].max_connections = 2;
  publish();
  Stream server_of_second = expect_served("2");
}

TEST_F(QueueTest, WithoutAQueueAFullServerMeansAReset) {
  spec.pools[0].relay.queue_size = 0;
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  EXPECT_EQ(connect().hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().failed == 1; }));
}

TEST_F(QueueTest, ItsEndResetsWhoWaits) {
  publish();
  Stream first = connect_and_say("1");
  Stream server = expect_served("1");
  Stream second = connect();
  expect_queued(1);
  worker.reset();
  EXPECT_EQ(second.hear(), "RESET");
  expect_queued(0);
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
