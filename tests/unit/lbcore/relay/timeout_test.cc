// Silence ends a connection, through a real worker.
#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

class TimeoutTest : public WorkerTest {
 protected:
  LiveService& service() { return *topology->services[0]->live; }
  ServiceRelay& relay() { return spec.services[0].relay; }
};

TEST_F(TimeoutTest, ASilentConnectionIsResetOnBothSides) {
  spec.services[0].idle_timeout = 100ms;
  publish();
  const TimePoint begin = Clock::now();
  Stream client = connect();
  Stream server = a.accept();
  client.say("x");
  EXPECT_EQ(server.hear(), "x");
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_EQ(server.hear(), "RESET");
  EXPECT_GE(Clock::now() - begin, 100ms);
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service().idle_timeouts == 1; }));
  EXPECT_EQ(service().half_closed_timeouts, 0U);
}

TEST_F(TimeoutTest, BytesOfEitherSideKeepItOpen) {
  spec.services[0].idle_timeout = 300ms;
  publish();
  Stream client = connect();
  Stream server = a.accept();
  const TimePoint begin = Clock::now();
  bool up = true;
  while (Clock::now() - begin < 700ms) {
    Stream& from = up ? client : server;
    Stream& to = up ? server : client;
    from.say("x");
    ASSERT_EQ(to.hear(), "x");
    up = !up;
  }
  EXPECT_EQ(service().idle_timeouts, 0U);
  EXPECT_EQ(client.hear(), "RESET");
}

TEST_F(TimeoutTest, AHalfClosedConnectionHasATimeOfItsOwn) {
  relay().half_closed_timeout = 100ms;
  publish();
  Stream client = connect();
  Stream server = a.accept();
  client.half_close();
  EXPECT_EQ(server.hear(), "EOF");
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service().half_closed_timeouts == 1; }));
  EXPECT_EQ(service().idle_timeouts, 0U);
}

TEST_F(TimeoutTest, WithoutATimeOfItsOwnAHalfClosedConnectionHasTheUsualOne) {
  spec.services[0].idle_timeout = 100ms;
  relay().half_closed_timeout = 0s;
  publish();
  Stream client = connect();
  Stream server = a.accept();
  client.half_close();
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service().half_closed_timeouts == 1; }));
}

TEST_F(TimeoutTest, BytesKeepAHalfClosedConnectionOpen) {
  relay().half_closed_timeout = 300ms;
  publish();
  Stream client = connect();
  Stream server = a.accept();
  client.half_close();
  EXPECT_EQ(server.hear(), "EOF");
  const TimePoint begin = Clock::now();
  while (Clock::now() - begin < 700ms) {
    server.say("x");
    ASSERT_EQ(client.hear(), "x");
  }
  server.close();
  EXPECT_EQ(client.hear(), "EOF");
  expect_idle();
  EXPECT_EQ(service().half_closed_timeouts, 0U);
}

/// A reader that stands still is a silent connection as well: what is held back for it goes.
TEST_F(TimeoutTest, AReaderThatStandsStillIsSilent) {
  spec.services[0].idle_timeout = 200ms;
  publish();
  Stream client = connect();
  Stream server = a.accept();
  const std::string block(1 << 16, 'x');
  while (::send(server.fd(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
  }
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service().idle_timeouts == 1; }));
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
