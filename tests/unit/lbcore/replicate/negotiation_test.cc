// What two nodes of different versions make of each other: the version they speak, the lanes that
// are up, frames that only one of them knows.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lbcore/replicate/protocol.h"
#include "tests/unit/lbcore/replicate/fake_tables.h"

namespace hapair::lbcore::replicate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kOwnEpoch = 5;
constexpr uint64_t kPeerEpoch = 9;

/// A body that no version has yet (field 1000, text), as `sequence`-less frames carry it.
wire::Frame future_frame(const std::string& text) {
  wire::Frame frame;
  EXPECT_TRUE(
      frame.ParseFromString("\xc2\x3e" + std::string(1, static_cast<char>(text.size())) + text));
  EXPECT_EQ(frame.body_case(), wire::Frame::BODY_NOT_SET);
  return frame;
}

class TestLane : public Lane {
 public:
  [[nodiscard]] std::string_view feature() const override { return "tests/1"; }
  [[nodiscard]] bool takes(wire::Frame::BodyCase kind) const override {
    return kind == wire::Frame::BODY_NOT_SET;
  }
  void greet(wire::Hello& ours) override { ours.set_config_hash(77); }
  void up(const wire::Hello& peers, TimePoint) override { events.push_back("up " + peers.node()); }
  void down() override { events.emplace_back("down"); }
  Status take(const wire::Frame& frame, TimePoint) override {
    if (!verdict) return verdict;
    events.push_back("took " + frame.SerializeAsString().substr(12));
    return {};
  }
  bool next(wire::Frame& frame, TimePoint) override { return queue.pop(frame); }

  std::vector<std::string> events;
  Status verdict;
  LaneQueue queue{100, 10000};
};

class Negotiation : public testing::Test {
 protected:
  void start(uint32_t lowest, uint32_t highest) {
    protocol_.emplace(
        Protocol::Self{.node = "lb1",
                       .peer = "lb2",
                       .epoch = kOwnEpoch,
                       .config_hash = 42,
                       .protocol = highest,
                       .lowest_protocol = lowest},
        tables_, [] { return control::NodeStatus(); }, Protocol::Timing{}, Sender::Limits{},
        std::vector<Lane*>{&lane_});
    run(protocol_->connected(now_));
  }
  void run(const Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Send>(&action)) {
        EXPECT_TRUE(sent_.emplace_back().ParseFromString(send->payload));
      } else if (const auto* drop = std::get_if<Drop>(&action)) {
        drops_.push_back(drop->reason);
      }
    }
  }
  void receive(wire::Frame frame) {
    frame.set_epoch(kPeerEpoch);
    run(protocol_->received(frame.SerializeAsString(), now_));
  }
  void greet(uint32_t lowest, uint32_t highest, const std::vector<std::string>& features = {}) {
    wire::Frame frame;
    auto& hello = *frame.mutable_hello();
    hello.set_node("lb2");
    hello.set_protocol(highest);
    hello.set_lowest_protocol(lowest);
    for (const auto& feature : features) hello.add_features(feature);
    receive(frame);
  }
  void up() {
    start(1, 1);
    greet(1, 1, {"tests/1"});
    sent_.clear();
  }

  TimePoint now_{1h};
  FakeTables tables_{{"web"}};
  TestLane lane_;
  std::optional<Protocol> protocol_;
  std::vector<wire::Frame> sent_;
  std::vector<std::string> drops_;
};

// ---- versions

TEST_F(Negotiation, SaysWhatItSpeaksAndHas) {
  start(2, 3);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].hello().protocol(), 3U);
  EXPECT_EQ(sent_[0].hello().lowest_protocol(), 2U);
  EXPECT_THAT(sent_[0].hello().features(), ElementsAre("tests/1"));
  EXPECT_EQ(sent_[0].hello().config_hash(), 77U) << "the lane's own words";
}

TEST_F(Negotiation, TheHighestVersionThatBothSpeakIsUsed) {
  struct Case {
    uint32_t own_lowest, own_highest, peer_lowest, peer_highest, used;
  };
  for (const auto& [own_lowest, own_highest, peer_lowest, peer_highest, used] :
       {Case{1, 1, 1, 1, 1}, Case{1, 3, 1, 1, 1}, Case{1, 1, 1, 3, 1}, Case{2, 3, 3, 9, 3},
        Case{1, 5, 2, 4, 4}, Case{1, 1, 0, 1, 1}}) {
    start(own_lowest, own_highest);
    greet(peer_lowest, peer_highest);
    EXPECT_TRUE(protocol_->streaming());
    EXPECT_EQ(protocol_->version(), used);
  }
  EXPECT_THAT(drops_, IsEmpty());
}

TEST_F(Negotiation, NoCommonVersionIsRefusedWithBothRanges) {
  struct Case {
    uint32_t own_lowest, own_highest, peer_lowest, peer_highest;
    const char* why;
  };
  for (const auto& [own_lowest, own_highest, peer_lowest, peer_highest, why] :
       {Case{1, 1, 2, 2, "protocol version 2, this node speaks 1"},
        Case{1, 2, 3, 4, "protocol version 3 to 4, this node speaks 1 to 2"},
        Case{3, 4, 1, 2, "protocol version 1 to 2, this node speaks 3 to 4"},
        Case{1, 2, 0, 3, "protocol version 3, this node speaks 1 to 2"},
        Case{1, 2, 2, 1, "protocol version 2 to 1, this node speaks 1 to 2"},
        Case{1, 2, 0, 0, "protocol version 0, this node speaks 1 to 2"}}) {
    start(own_lowest, own_highest);
    drops_.clear();
    greet(peer_lowest, peer_highest);
    EXPECT_THAT(drops_, ElementsAre(std::string("refused: ") + why));
    EXPECT_EQ(sent_.back().bye().reason(), why) << "the peer is told";
    EXPECT_EQ(protocol_->version(), 0U);
  }
}

TEST_F(Negotiation, AFrameOfALaterVersionIsIgnoredAndCounted) {
  start(1, 1);
  greet(1, 2, {"other/7"});
  receive(future_frame("what is this"));
  receive(future_frame("and this"));
  EXPECT_TRUE(protocol_->streaming());
  EXPECT_EQ(protocol_->ignored(), 2U);
  EXPECT_EQ(protocol_->refused(), 0U);
  EXPECT_THAT(lane_.events, IsEmpty());
}

// ---- lanes

TEST_F(Negotiation, ALaneIsUpWhileThePeerHasItToo) {
  start(1, 1);
  EXPECT_THAT(lane_.events, IsEmpty());
  greet(1, 1, {"other/1", "tests/1"});
  EXPECT_THAT(lane_.events, ElementsAre("up lb2"));
  EXPECT_THAT(protocol_->features(), ElementsAre("tests/1"));
  run(protocol_->disconnected("gone", now_));
  EXPECT_THAT(lane_.events, ElementsAre("up lb2", "down"));
  EXPECT_THAT(protocol_->features(), IsEmpty());

  run(protocol_->connected(now_));
  greet(1, 1, {"tests/2"});
  EXPECT_TRUE(protocol_->streaming());
  EXPECT_EQ(lane_.events.size(), 2U) << "another version of the lane is another lane";
}

TEST_F(Negotiation, NothingOfALaneIsSentToAPeerWithoutIt) {
  start(1, 1);
  ASSERT_TRUE(lane_.queue.push(future_frame("secret")));
  run(protocol_->pump(100000, now_));
  greet(1, 1);
  run(protocol_->pump(100000, now_));
  EXPECT_EQ(lane_.queue.size(), 1U);
}

TEST_F(Negotiation, FramesOfALaneArriveInOrder) {
  up();
  for (const char* text : {"one", "two", "three"}) receive(future_frame(text));
  EXPECT_THAT(lane_.events, ElementsAre("up lb2", "took one", "took two", "took three"));
  EXPECT_EQ(protocol_->ignored(), 0U);
}

TEST_F(Negotiation, LanesAndSessionsTakeTurns) {
  up();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lane_.queue.push(future_frame("x")));
  run(protocol_->pump(100000, now_));
  std::vector<wire::Frame::BodyCase> kinds;
  for (const auto& frame : sent_) kinds.push_back(frame.body_case());
  constexpr auto kLane = wire::Frame::BODY_NOT_SET;
  EXPECT_THAT(kinds, ElementsAre(wire::Frame::kHeartbeat, kLane, wire::Frame::kSnapshotBegin, kLane,
                                 wire::Frame::kSnapshotEnd, kLane, kLane, kLane));
}

TEST_F(Negotiation, ALaneIsAskedOnlyWhileThereIsRoom) {
  up();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(lane_.queue.push(future_frame(std::string(90, 'x'))));
  run(protocol_->pump(0, now_));
  EXPECT_EQ(lane_.queue.size(), 50U);
  run(protocol_->pump(300, now_));
  EXPECT_EQ(lane_.queue.size(), 47U) << "one more than fits at most";
}

TEST_F(Negotiation, ARefusedFrameOfALaneEndsTheConnectionWithTheReason) {
  up();
  lane_.verdict = fail("no such thing");
  receive(future_frame("one"));
  EXPECT_THAT(drops_, ElementsAre("refused: tests/1: no such thing"));
  EXPECT_EQ(sent_.back().bye().reason(), "tests/1: no such thing");
  EXPECT_EQ(protocol_->refused(), 1U);
  EXPECT_THAT(lane_.events, ElementsAre("up lb2", "down"));
}

TEST_F(Negotiation, AnOversizedFrameOfALaneIsRefusedUnread) {
  up();
  wire::Frame big;
  std::string text = "\xc2\x3e";
  const size_t size = Lane::kMaxFrameBytes;
  text += {static_cast<char>(0x80), static_cast<char>(0x80), static_cast<char>(size >> 14)};
  ASSERT_TRUE(big.ParseFromString(text + std::string(size, 'x')));
  receive(big);
  EXPECT_THAT(drops_, ElementsAre(HasSubstr("tests/1: frame too large")));
  EXPECT_THAT(lane_.events, ElementsAre("up lb2", "down"));
}

TEST(LaneQueue, IsBoundedInFramesAndBytes) {
  LaneQueue few(2, 1000);
  EXPECT_TRUE(few.push(future_frame("a")));
  EXPECT_TRUE(few.push(future_frame("b")));
  EXPECT_FALSE(few.push(future_frame("c")));
  wire::Frame frame;
  EXPECT_TRUE(few.pop(frame));
  EXPECT_TRUE(few.push(future_frame("c")));

  LaneQueue small(100, 25);
  EXPECT_TRUE(small.push(future_frame("12345678")));
  EXPECT_TRUE(small.push(future_frame("12345678")));
  EXPECT_FALSE(small.push(future_frame("12345678")));
  EXPECT_TRUE(small.pop(frame));
  EXPECT_TRUE(small.push(future_frame("12345678")));
  small.clear();
  EXPECT_FALSE(small.pop(frame));
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test
