// What one node does with its connections / what the other one knows of them.
#include "lbcore/orphans/exchange.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans::test {
namespace {

using replicate::wire::Frame;
using replicate::wire::Hello;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const TimePoint kNow{1000s};
const Ends kSix = ends("[2001:db8::100]:80", "[2001:db8::1]:5000");

class ExchangeTest : public ::testing::Test {
 protected:
  void opens(const Ends& one) { node.tell(std::vector<Change>{{one, true}}); }
  void ends_one(const Ends& one) { node.tell(std::vector<Change>{{one, false}}); }
  void link_up() {
    node.up(Hello(), kNow);
    peer.up(Hello(), kNow);
  }
  void link_down() {
    node.down();
    peer.down();
  }
  /// All that there is to send, over the wire; in how many frames.
  size_t send_all() {
    size_t frames = 0;
    for (; send_one(); ++frames) {
    }
    return frames;
  }
  bool send_one() {
    Frame frame;
    const bool waited = node.waits();
    if (!node.next(frame, kNow)) return false;
    if (frame.open_connections().runs_size() > 0 || frame.open_connections().begins()) {
      EXPECT_TRUE(waited || frame.open_connections().runs_size() > 0);
    }
    Frame arrived;
    EXPECT_TRUE(arrived.ParseFromString(frame.SerializeAsString()));
    EXPECT_LE(frame.ByteSizeLong(), replicate::Lane::kMaxFrameBytes);
    EXPECT_TRUE(peer.takes(arrived.body_case()));
    EXPECT_TRUE(peer.take(arrived, kNow));
    return true;
  }
  std::vector<Ends> peer_takes_all() {
    return peer.take_dead([](const IpAddress&) { return true; });
  }

  Exchange node{{.most = 20'000, .most_waiting = 100}};
  Exchange peer{{.most = 20'000, .most_waiting = 100}};
};

TEST_F(ExchangeTest, ThePeerKnowsWhatIsOpen) {
  opens(client(1));
  link_up();
  opens(client(2));
  EXPECT_TRUE(node.waits());
  send_all();
  EXPECT_FALSE(node.waits());
  opens(kSix);
  ends_one(client(1));
  send_all();
  EXPECT_EQ(peer.known(), 2U);
  EXPECT_THAT(peer_takes_all(), UnorderedElementsAre(client(2), kSix));
  EXPECT_EQ(peer.known(), 0U);
}

TEST_F(ExchangeTest, WhatEndsBeforeItWasSentIsNotKnown) {
  link_up();
  opens(client(1));
  ends_one(client(1));
  send_all();
  EXPECT_EQ(peer.known(), 0U);
}

TEST_F(ExchangeTest, OneThatOpensAnewFromTheSamePortIsKnown) {
  opens(client(1));
  link_up();
  send_all();
  ends_one(client(1));
  opens(client(1));
  send_all();
  EXPECT_EQ(peer.known(), 1U);
}

TEST_F(ExchangeTest, ABrokenLinkLeavesWhatIsKnown) {
  opens(client(1));
  link_up();
  send_all();
  link_down();
  EXPECT_FALSE(node.waits());
  EXPECT_EQ(peer.known(), 1U);
  ends_one(client(1));
  opens(client(2));
  link_up();
  send_all();
  EXPECT_THAT(peer_takes_all(), UnorderedElementsAre(client(2)));
}

TEST_F(ExchangeTest, AnotherLifeOfThePeerSaysEverythingAnew) {
  opens(client(1));
  link_up();
  send_all();
  link_down();
  Exchange next_life;
  next_life.up(Hello(), kNow);
  peer.up(Hello(), kNow);
  Frame frame;
  ASSERT_TRUE(next_life.next(frame, kNow));
  ASSERT_TRUE(peer.take(frame, kNow));
  EXPECT_EQ(peer.known(), 0U);
}

TEST_F(ExchangeTest, ManyComeInSeveralFramesAndChangesBetweenThemCount) {
  for (uint32_t i = 0; i < 10'000; ++i) opens(client(i));
  link_up();
  ASSERT_TRUE(send_one());
  for (uint32_t i = 0; i < 10'000; i += 500) ends_one(client(i));
  opens(client(10'000));
  ends_one(client(9'999));
  opens(client(9'999));
  ASSERT_TRUE(send_one());
  ends_one(client(10'000));
  EXPECT_GE(send_all(), 1U);
  EXPECT_EQ(peer.known(), 10'000U - 20);
  const auto known = peer_takes_all();
  for (const Ends& one : known) EXPECT_TRUE(node.holds(one));
}

TEST_F(ExchangeTest, TooManyChangesThatWaitBecomeASnapshot) {
  link_up();
  send_all();
  for (uint32_t i = 0; i < 300; ++i) opens(client(i));
  for (uint32_t i = 0; i < 150; ++i) ends_one(client(i));
  EXPECT_GE(node.counters().anew, 1U);
  send_all();
  EXPECT_EQ(peer.known(), 150U);
}

// Both nodes held the address for a moment, and the connections live on.
TEST_F(ExchangeTest, WhatWasTakenOutIsSaidAnewWhenAsked) {
  opens(client(1));
  link_up();
  send_all();
  EXPECT_EQ(peer_takes_all().size(), 1U);
  peer.ask();
  ASSERT_TRUE(peer.waits());
  Frame question;
  ASSERT_TRUE(peer.next(question, kNow));
  EXPECT_FALSE(peer.waits());
  ASSERT_TRUE(node.take(question, kNow));
  EXPECT_TRUE(node.waits());
  send_all();
  EXPECT_EQ(peer.known(), 1U);
  link_down();
  peer.ask();
  EXPECT_FALSE(peer.waits()) << "a new link says everything";
}

TEST_F(ExchangeTest, WhatFindsNoRoomIsCounted) {
  Exchange small{{.most = 2, .most_waiting = 100}};
  small.tell(std::vector<Change>{{client(1), true}, {client(2), true}, {client(3), true}});
  EXPECT_EQ(small.counters().left_out, 1U);
  small.tell(std::vector<Change>{{client(3), false}});

  opens(client(1));
  opens(client(2));
  opens(client(3));
  link_up();
  Frame frame;
  ASSERT_TRUE(node.next(frame, kNow));
  EXPECT_TRUE(small.take(frame, kNow));
  EXPECT_EQ(small.known(), 2U);
  EXPECT_EQ(small.counters().left_out, 2U);
}

TEST_F(ExchangeTest, RefusesWhatNoPeerSends) {
  const auto refused = [&](const std::string& ours, const std::string& some) {
    Frame frame;
    auto& run = *frame.mutable_open_connections()->add_runs();
    run.set_ours(ours);
    run.set_ends(some);
    const auto taken = peer.take(frame, kNow);
    return taken ? std::string() : taken.error().message;
  };
  EXPECT_EQ(refused("abc", "12345678"), "an address of 3 bytes");
  EXPECT_EQ(refused("", ""), "an address of 0 bytes");
  EXPECT_EQ(refused("abcd", "1234567"), "7 bytes of ends");
  EXPECT_EQ(refused(std::string(16, 'a'), std::string(24, 'b')), "24 bytes of ends");
  EXPECT_EQ(refused("abcd", "12345678"), "");
  EXPECT_EQ(peer.known(), 1U);
}

}  // namespace
}  // namespace hapair::lbcore::orphans::test
