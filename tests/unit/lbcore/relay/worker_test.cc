// Connections through a real worker: what clients and servers see, and what the counters say.
#include "lbcore/relay/worker.h"

#include <fstream>
#include <random>
#include <thread>

#include <xxhash.h>

#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

TEST_F(WorkerTest, BytesBothWaysAndAnOrderlyEnd) {
  publish();
  Stream client = connect();
  client.say("request");
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "request");
  server.say("answer");
  EXPECT_EQ(client.hear(), "answer");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().active == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 1; }));
  client.close();
  EXPECT_EQ(server.hear(), "EOF");
  server.close();
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().connections == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_in == 7; }));
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_out == 6; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.connections == 1; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.bytes_in == 7; }));
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.bytes_out == 6; }));
}

TEST_F(WorkerTest, ServerSpeaksFirst) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  server.say("220 ready");
  EXPECT_EQ(client.hear(), "220 ready");
}

TEST_F(WorkerTest, HalfCloseByTheClient) {
  publish();
  Stream client = connect();
  client.say("all of it");
  client.half_close();
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "all of it");
  EXPECT_EQ(server.hear(), "EOF");
  server.say("late");
  EXPECT_EQ(client.hear(), "late");
  server.say("answer");
  EXPECT_EQ(client.hear(), "answer");
  server.close();
  EXPECT_EQ(client.hear(), "EOF");
  expect_idle();
}

TEST_F(WorkerTest, HalfCloseByTheServer) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  server.half_close();
  EXPECT_EQ(client.hear(), "EOF");
  client.say("still here");
  EXPECT_EQ(server.hear(), "still here");
  client.close();
  EXPECT_EQ(server.hear(), "EOF");
  expect_idle();
}

TEST_F(WorkerTest, AResetOfTheClientIsAResetForTheServer) {
  publish();
  Stream client = connect();
  client.say("x");
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "x");
  client.reset();
  EXPECT_EQ(server.hear(), "RESET");
  expect_idle();
}

TEST_F(WorkerTest, AResetOfTheServerIsAResetForTheClient) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  server.say("hello");
  EXPECT_EQ(client.hear(), "hello");
  server.reset();
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
}

TEST_F(WorkerTest, WhatTheServerSaidBeforeItsResetStillArrives) {
  publish();
  Stream client = connect();
  client.say("a body that nobody reads");
  Stream server = a.accept();
  server.expect_arrival();
  server.say("413 too large");
  server.close();  // with unread bytes: a reset
  EXPECT_EQ(client.hear(), "413 too large");
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
}

TEST_F(WorkerTest, AResetAfterHalfClose) {
  publish();
  Stream client = connect();
  client.half_close();
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "EOF");
  server.reset();
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
}

TEST_F(WorkerTest, AResetOfASideThatIsNotWatchedIsFoundSoon) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  server.half_close();
  EXPECT_EQ(client.hear(), "EOF");
  server.reset();  // its end was read before: there is nothing to watch it for
  expect_idle();
}

TEST_F(WorkerTest, ARefusingServerIsPassedOver) {
  publish();
  a.close();
  for (int i = 0; i < 4; ++i) {
    Stream client = connect();
    client.say("hello");
    Stream server = b.accept();
    EXPECT_EQ(server.hear(), "hello");
  }
  expect_idle();
  EXPECT_GE(live(0).counters.failed, 2U);
  EXPECT_EQ(live(0).counters.connections, 0U);
  EXPECT_TRUE(eventually(5s, [&] { return live(1).counters.connections == 4; }));
  EXPECT_EQ(service_counters().failed, 0U);
}

TEST_F(WorkerTest, AServerThatDoesNotAnswerIsPassedOverAfterItsTime) {
  // A full accept queue drops further handshakes.
  ASSERT_EQ(::listen(a.fd(), 0), 0);
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = a.endpoint.to_sockaddr(address);
    // Under way, or hanging as the client's will.
    EXPECT_LT(::connect(crowd.back().get(), reinterpret_cast<const sockaddr*>(&address), size), 1);
  }
  publish();
  const TimePoint begin = Clock::now();
  Stream client = connect();
  client.say("hello");
  Stream server = b.accept();
  EXPECT_EQ(server.hear(), "hello");
  EXPECT_GE(Clock::now() - begin, 290ms);
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }));
}

TEST_F(WorkerTest, NobodyLeftMeansAReset) {
  publish();
  a.close();
  b.close();
  Stream client = connect();
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().failed == 1; }));
  live(0).up = false;
  live(1).up = false;
  client = connect();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().failed == 2; }));
}

TEST_F(WorkerTest, ASessionIsMadeByTheFirstConnectionThatSucceeds) {
  spec.pools[0].sticky = {.timeout = 10min};
  publish();
  a.close();
  for (int i = 0; i < 3; ++i) {
    Stream client = connect();
    Stream server = b.accept();
    client.close();
    EXPECT_EQ(server.hear(), "EOF");
  }
  expect_idle();
  EXPECT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions.use(topology->pools[0]->id, loopback(0).ip, Clock::now()), live(1).id);
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.failed == 1; }))
      << "only the first one may have asked a";
}

TEST_F(WorkerTest, AReloadLeavesConnectionsAlone) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  spec.pools[0].servers.erase(spec.pools[0].servers.begin());
  publish();
  client.say("still served by a");
  EXPECT_EQ(server.hear(), "still served by a");
  Stream next = connect();
  next.say("by b");
  EXPECT_EQ(b.accept().hear(), "by b");
}

TEST_F(WorkerTest, AConnectionOutlivesItsService) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  const auto before = topology;
  const Endpoint old_listen = spec.services[0].listen;
  spec.services[0].listen = loopback(hapair::test::free_port());
  publish();
  client.say("old");
  EXPECT_EQ(server.hear(), "old");
  EXPECT_TRUE(open_listeners(old_listen, 1, false)) << "the old address is free";
  Stream next = connect();
  EXPECT_TRUE(b.accept().valid());
}

TEST_F(WorkerTest, AnAddressMayChangeItsPool) {
  publish();
  spec.pools.push_back({.name = "other", .servers = {{.name = "b", .address = b.endpoint}}});
  spec.services[0].pool = "other";
  publish();
  for (int i = 0; i < 3; ++i) {
    Stream client = connect();
    client.say("hello");
    EXPECT_EQ(b.accept().hear(), "hello");
  }
}

TEST_F(WorkerTest, ClosingDrainsTheAcceptQueue) {
  publish();
  // Many at once: the worker cannot have accepted them all when it is told to stop.
  std::vector<Stream> clients;
  clients.reserve(200);
  for (int i = 0; i < 200; ++i) clients.push_back(connect());
  worker->stop_accepting();
  for (int i = 0; i < 200; ++i) clients[static_cast<size_t>(i)].say("hello");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(a.accept().hear(), "hello");
    EXPECT_EQ(b.accept().hear(), "hello");
  }
}

TEST_F(WorkerTest, ASpentBudgetLetsClientsWaitInsteadOfRefusingThem) {
  ConnectionBudget small(2);
  worker = std::make_unique<Worker>(log, sessions, small, 0);
  publish();
  Stream first = connect();
  Stream second = connect();
  Stream server_of_first = a.accept();
  Stream server_of_second = b.accept();
  Stream third = connect();
  third.say("patience");
  EXPECT_EQ(small.in_use(), 2U);
  first.close();
  EXPECT_EQ(server_of_first.hear(), "EOF");
  server_of_first.close();
  EXPECT_EQ(a.accept().hear(), "patience");
  worker.reset();  // before its budget
}

/// Everything arrives although the reader is slow, and neither this process nor the writer runs
/// ahead by more than the socket buffers and one scratch buffer.
TEST_F(WorkerTest, BackpressureBoundsWhatIsOnItsWay) {
  publish();
  constexpr size_t kTotal = size_t{32} << 20;
  Stream client = connect();
  Stream server = a.accept();
  const int small = 1 << 16;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ::setsockopt(server.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);

  std::atomic<size_t> sent{0};
  uint64_t sent_digest = 0;
  std::thread writer([&] {
    std::mt19937_64 random(3);
    std::vector<uint64_t> block(8192);
    for (uint64_t& word : block) word = random();
    XXH3_state_t* state = XXH3_createState();
    XXH3_64bits_reset(state);
    while (sent < kTotal) {
      const ssize_t n = ::send(server.fd(), block.data(), block.size() * sizeof(uint64_t), 0);
      if (n <= 0) break;
      XXH3_64bits_update(state, block.data(), static_cast<size_t>(n));
      sent += static_cast<size_t>(n);
    }
    sent_digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    server.half_close();
  });

  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  std::vector<char> buffer(1 << 16);
  size_t got = 0;
  // The reader waits until the writer stands still, again and again.
  for (int pause = 0; pause < 3; ++pause) {
    size_t before = 0;
    ASSERT_TRUE(eventually(10s, [&] {
      const size_t now = sent;
      const bool stands = now == before && now > 0;
      before = now;
      if (!stands) std::this_thread::sleep_for(50ms);
      return stands;
    }));
    EXPECT_LT(sent - got, size_t{16} << 20);
    EXPECT_LT(service_counters().bytes_out - got, size_t{12} << 20);
    const ssize_t n = ::recv(client.fd(), buffer.data(), buffer.size(), 0);
    ASSERT_GT(n, 0);
    XXH3_64bits_update(state, buffer.data(), static_cast<size_t>(n));
    got += static_cast<size_t>(n);
  }
  for (ssize_t n = 1; (n = ::recv(client.fd(), buffer.data(), buffer.size(), 0)) > 0;) {
    XXH3_64bits_update(state, buffer.data(), static_cast<size_t>(n));
    got += static_cast<size_t>(n);
  }
  writer.join();
  EXPECT_EQ(got, sent);
  EXPECT_EQ(XXH3_64bits_digest(state), sent_digest);
  XXH3_freeState(state);
  client.close();
  server.close();
  expect_idle();
}

TEST_F(WorkerTest, ItsEndResetsWhatIsOpen) {
  publish();
  Stream client = connect();
  Stream server = a.accept();
  worker.reset();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_EQ(server.hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return budget.in_use() == 0; }));
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
