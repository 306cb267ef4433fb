// One end of a connection moves from one node to another, and the other end notices nothing.
#include "lbcore/handover/tcp_repair.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/netns/handover/move_lab.h"
#include "tests/support/root_test.h"

namespace hapair::lbcore::handover {
namespace {

using namespace hapair::test;

class TcpRepairTest : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) lab = std::make_unique<MoveLab>();
  }

  struct Ends {
    UniqueFd client;
    UniqueFd served;  // on lb1
  };
  [[nodiscard]] Ends connect(const Endpoint& vip) const {
    const UniqueFd listener = listen_at(lab->lb1, vip);
    Ends ends;
    ends.client = connect_from(lab->client, vip);
    ends.served.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(ends.served);
    return ends;
  }

  /// The whole way, in the order of a handover. What was written and not sent is written again.
  [[nodiscard]] UniqueFd move(UniqueFd from, const Namespace& node, const Namespace& to) const {
    MoveLab::take(node);
    auto dumped = dump(from.get());
    EXPECT_TRUE(dumped) << dumped.error().message;
    if (!dumped) return {};
    last = dumped->image;
    auto restored = to.run([&] { return restore(dumped->image); });
    EXPECT_TRUE(restored) << restored.error().message;
    if (!restored) return {};
    from.reset();
    MoveLab::give_unannounced(to);
    lab->announce(to);
    wake(restored->get(), true);
    set_blocking(restored->get(), true);
    say(restored->get(), dumped->unsent);
    return std::move(*restored);
  }

  static int unacknowledged(const UniqueFd& fd) {
    int bytes = 0;
    EXPECT_EQ(::ioctl(fd.get(), SIOCOUTQ, &bytes), 0);
    return bytes;
  }

  std::unique_ptr<MoveLab> lab;
  mutable TcpImage last;
};

TEST_F(TcpRepairTest, AnIdleConnectionGoesOnElsewhereInBothFamilies) {
  for (const char* vip : {"10.0.0.100:80", "[fd00::100]:80"}) {
    auto [client, served] = connect(endpoint(vip));
    say(client.get(), "one");
    EXPECT_EQ(hear(served.get(), 3), "one");
    served = move(std::move(served), lab->lb1, lab->lb2);
    ASSERT_TRUE(served) << vip;
    say(client.get(), "two");
    EXPECT_EQ(hear(served.get(), 3), "two");
    say(served.get(), "three");
    EXPECT_EQ(hear(client.get(), 5), "three");
    served = move(std::move(served), lab->lb2, lab->lb1);
    ASSERT_TRUE(served) << vip;
    say(served.get(), "four");
    EXPECT_EQ(hear(client.get(), 4), "four");
    EXPECT_TRUE(last.timestamps && last.sack && last.scales);
  }
}

TEST_F(TcpRepairTest, ASocketOfBothFamiliesMovesAsWhatItIsOnTheWire) {
  const UniqueFd listener = listen_at(lab->lb1, endpoint("[::]:80"));
  UniqueFd client = connect_from(lab->client, endpoint("10.0.0.100:80"));
  UniqueFd served(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  served = move(std::move(served), lab->lb1, lab->lb2);
  ASSERT_TRUE(served);
  EXPECT_EQ(last.local.to_string(), "10.0.0.100:80");
  say(client.get(), "hello");
  EXPECT_EQ(hear(served.get(), 5), "hello");
}

TEST_F(TcpRepairTest, BytesInBothQueuesMoveWithIt) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  const std::string asked = pattern(40'000, 7);
  say(client.get(), asked);
  int waiting = 0;
  ASSERT_TRUE(eventually(5s, [&, &fd = served] {
    return ::ioctl(fd.get(), SIOCINQ, &waiting) == 0 && waiting == 40'000;
  }));
  // The client reads nothing: its window closes, and some of it is never sent.
  const std::string answer = pattern(8'000'000, 8);
  const size_t said = say_what_fits(served.get(), answer);
  ASSERT_LT(said, answer.size());
  served = move(std::move(served), lab->lb1, lab->lb2);
  ASSERT_TRUE(served);
  EXPECT_EQ(last.received.size(), 40'000U);
  EXPECT_EQ(hear(served.get(), asked.size()), asked);
  EXPECT_EQ(hear(client.get(), said), answer.substr(0, said));
  say(served.get(), "and on");
  EXPECT_EQ(hear(client.get(), 6), "and on");
}

TEST_F(TcpRepairTest, WhatWasSentWhileNobodyHadTheAddressIsNotLost) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  const std::string answer = pattern(200'000, 3);
  MoveLab::take(lab->lb1);
  say(client.get(), "into the dark");
  // Nothing of this leaves the node: there is no way from an address that is not here.
  const size_t said = say_what_fits(served.get(), answer);
  auto dumped = dump(served.get());
  ASSERT_TRUE(dumped) << dumped.error().message;
  auto restored = lab->lb2.run([&] { return restore(dumped->image); });
  ASSERT_TRUE(restored) << restored.error().message;
  served.reset();
  MoveLab::give_unannounced(lab->lb2);
  lab->announce(lab->lb2);
  wake(restored->get(), true);
  set_blocking(restored->get(), true);
  say(restored->get(), dumped->unsent);
  EXPECT_EQ(hear(restored->get(), 13), "into the dark");
  EXPECT_EQ(hear(client.get(), said), answer.substr(0, said));
}

TEST_F(TcpRepairTest, AFullReceiveQueueMovesWhole) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  const std::string asked = pattern(8'000'000, 9);
  set_blocking(client.get(), false);
  size_t said = 0;
  // Until both ends are full and stay so.
  for (int quiet = 0; quiet < 20; ++quiet) {
    const size_t more = say_what_fits(client.get(), std::string_view(asked).substr(said));
    said += more;
    if (more > 0) quiet = 0;
    std::this_thread::sleep_for(5ms);
  }
  ASSERT_LT(said, asked.size());
  served = move(std::move(served), lab->lb1, lab->lb2);
  ASSERT_TRUE(served);
  EXPECT_GT(last.received.size(), 50'000U);
  EXPECT_EQ(hear(served.get(), said), asked.substr(0, said));
}

TEST_F(TcpRepairTest, OneThatWakesWhereItWasGoesOn) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  MoveLab::take(lab->lb1);
  ASSERT_TRUE(dump(served.get()));
  say(client.get(), "still there?");
  lab->give(lab->lb1);
  wake(served.get(), true);
  EXPECT_EQ(hear(served.get(), 12), "still there?");
  say(served.get(), "yes");
  EXPECT_EQ(hear(client.get(), 3), "yes");
  // And somebody may listen at its port.
  listen_at(lab->lb1, endpoint("10.0.0.100:80"));
}

TEST_F(TcpRepairTest, AFrozenOneHearsNothingWhereverItsAddressIs) {
  auto [client, served] = connect(endpoint("[fd00::100]:80"));
  ASSERT_TRUE(dump(served.get()));
  say(client.get(), "hello?");
  EXPECT_TRUE(holds_for(50ms, [&fd = client] { return unacknowledged(fd) == 6; }));
  wake(served.get(), true);
  EXPECT_EQ(hear(served.get(), 6), "hello?");
}

TEST_F(TcpRepairTest, ClosedWhileItIsSilentItSaysNothing) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  say(client.get(), "unread");
  MoveLab::take(lab->lb1);
  const auto dumped = dump(served.get());
  ASSERT_TRUE(dumped);
  {
    const auto restored = lab->lb2.run([&] { return restore(dumped->image); });
    ASSERT_TRUE(restored);
    MoveLab::give_unannounced(lab->lb2);
    lab->announce(lab->lb2);
    say(client.get(), " and unheard");
    // It reaches the node, and nobody says that it has.
    EXPECT_TRUE(holds_for(50ms, [&fd = client] { return unacknowledged(fd) > 0; }));
  }
  MoveLab::take(lab->lb2);
  lab->give(lab->lb1);
  wake(served.get(), true);
  EXPECT_EQ(hear(served.get(), 18), "unread and unheard");
  say(served.get(), "never noticed");
  EXPECT_EQ(hear(client.get(), 13), "never noticed");
}

TEST_F(TcpRepairTest, WhatIsEndingStays) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(hear(served.get(), 1), "<END>");
  const auto dumped = dump(served.get());
  ASSERT_FALSE(dumped);
  EXPECT_EQ(dumped.error().message, kClosing);
  say(served.get(), "still speaks");
  EXPECT_EQ(hear(client.get(), 12), "still speaks");
}

TEST_F(TcpRepairTest, AConnectionThatIsThereAlreadyIsNotReplaced) {
  auto [client, served] = connect(endpoint("10.0.0.100:80"));
  MoveLab::take(lab->lb1);
  const auto dumped = dump(served.get());
  ASSERT_TRUE(dumped);
  const auto first = lab->lb2.run([&] { return restore(dumped->image); });
  ASSERT_TRUE(first);
  const auto second = lab->lb2.run([&] { return restore(dumped->image); });
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("connect to"), std::string::npos);
}

}  // namespace
}  // namespace hapair::lbcore::handover
