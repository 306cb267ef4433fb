// The protocol, event by event: every frame in every state, and what each refusal says.
#include "lbcore/replicate/protocol.h"

#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/replicate/virtual_pair.h"

namespace hapair::lbcore::replicate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr uint64_t kOwnEpoch = 5;
constexpr uint64_t kPeerEpoch = 9;

/// One protocol, lb1, whose peer is the test itself.
class ProtocolTest : public testing::Test {
 protected:
  static constexpr auto kTick = 50ms;

  Actions run(Actions actions) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Send>(&action)) {
        EXPECT_TRUE(sent_.emplace_back().ParseFromString(send->payload));
      } else if (const auto* drop = std::get_if<Drop>(&action)) {
        drops_.push_back(drop->reason);
      } else if (const auto* changed = std::get_if<Changed>(&action)) {
        states_.push_back(changed->to);
      } else if (const auto* merge = std::get_if<Merge>(&action)) {
        merged_.insert(merged_.end(), merge->entries.begin(), merge->entries.end());
        for (const auto& entry : merge->entries) tables_.merge(entry, merge->prefer_ours_on_tie);
        preferred_ours_ = merge->prefer_ours_on_tie;
      } else if (std::holds_alternative<TakeDigests>(action)) {
        ++digests_wanted_;
        const auto digests = tables_.digests();
        const auto list = tables_.take_changes();
        run(protocol_.changes(list, false, &digests, now_));
      }
    }
    return actions;
  }
  void receive(wire::Frame frame, uint64_t epoch = kPeerEpoch) {
    frame.set_epoch(epoch);
    run(protocol_.received(frame.SerializeAsString(), now_));
  }
  void pump() { run(protocol_.pump(size_t{1} << 20, now_)); }
  void pass(Duration time) {
    for (const TimePoint end = now_ + time; now_ < end;) {
      now_ += kTick;
      run(protocol_.tick(now_));
    }
  }
  /// What was sent since the last call, of one kind.
  std::vector<wire::Frame> take(wire::Frame::BodyCase kind) {
    std::vector<wire::Frame> out;
    std::erase_if(sent_, [&](const wire::Frame& frame) {
      if (frame.body_case() != kind) return false;
      out.push_back(frame);
      return true;
    });
    return out;
  }

  static wire::Frame hello() {
    wire::Frame frame;
    frame.mutable_hello()->set_protocol(kProtocolVersion);
    frame.mutable_hello()->set_node("lb2");
    frame.mutable_hello()->set_config_hash(42);
    return frame;
  }
  static wire::Frame data(uint64_t sequence, wire::Frame::BodyCase kind) {
    wire::Frame frame;
    frame.set_sequence(sequence);
    switch (kind) {
      case wire::Frame::kSnapshotBegin:
        frame.mutable_snapshot_begin();
        break;
      case wire::Frame::kChunk:
        frame.mutable_chunk();
        break;
      case wire::Frame::kSnapshotEnd:
        frame.mutable_snapshot_end();
        break;
      case wire::Frame::kBarrier:
        frame.mutable_barrier();
        break;
      default:
        frame.mutable_delta();
        break;
    }
    return frame;
  }
  static wire::Frame ack(uint64_t sequence, uint64_t epoch = kOwnEpoch) {
    wire::Frame frame;
    frame.mutable_ack()->set_epoch(epoch);
    frame.mutable_ack()->set_sequence(sequence);
    return frame;
  }
  static wire::Frame heartbeat() {
    wire::Frame frame;
    frame.mutable_heartbeat();
    return frame;
  }
  /// A delta that puts client(1) in "web", with everything right.
  static wire::Frame good_delta(uint64_t sequence, uint64_t version = 7) {
    wire::Frame frame = data(sequence, wire::Frame::kDelta);
    auto& batch = *frame.mutable_delta();
    auto& pool = *batch.add_pools();
    pool.set_number(1);
    pool.set_name("web");
    auto& server = *batch.add_servers();
    server.set_number(1);
    server.set_pool(1);
    server.set_address("192.168.0.1:8080");
    auto& run = *batch.add_runs();
    run.set_pool(1);
    run.set_key_bytes(4);
    run.set_keys(std::string("\x0a\0\0\x01", 4));
    run.add_servers(1);
    run.add_versions(version);
    run.add_idle_ms(3);
    return frame;
  }

  void greet() {
    run(protocol_.connected(now_));
    receive(hello());
  }
  /// Empty snapshots both ways: the peer's are frames 1 and 2.
  void sync() {
    greet();
    receive(data(1, wire::Frame::kSnapshotBegin));
    receive(data(2, wire::Frame::kSnapshotEnd));
    pump();
    receive(ack(2));
    ASSERT_EQ(protocol_.state(), State::synced) << protocol_.state_text();
    sent_.clear();
  }
  void expect_refused(const std::string& why) {
    EXPECT_THAT(drops_, ElementsAre(HasSubstr(why)));
    EXPECT_EQ(protocol_.refused(), 1U);
    EXPECT_EQ(protocol_.state(), State::disconnected);
    const auto byes = take(wire::Frame::kBye);
    ASSERT_EQ(byes.size(), 1U);
    EXPECT_THAT(byes[0].bye().reason(), HasSubstr(why));
  }

  TimePoint now_{1h};
  control::NodeStatus own_status_;
  FakeTables tables_{{"web", "mail"}};
  Protocol protocol_{{"lb1", "lb2", kOwnEpoch, 42},
                     tables_,
                     [this] { return own_status_; },
                     Protocol::Timing{},
                     Sender::Limits{.max_queued = 8, .batch = 4, .window = 4}};
  std::vector<wire::Frame> sent_;
  std::vector<std::string> drops_;
  std::vector<State> states_;
  std::vector<sticky::SessionChange> merged_;
  bool preferred_ours_ = false;
  int digests_wanted_ = 0;
};

// ---- greeting

TEST_F(ProtocolTest, SaysHelloFirst) {
  run(protocol_.connected(now_));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].epoch(), kOwnEpoch);
  EXPECT_EQ(sent_[0].hello().node(), "lb1");
  EXPECT_EQ(sent_[0].hello().protocol(), kProtocolVersion);
  EXPECT_EQ(sent_[0].hello().config_hash(), 42U);
  pump();
  EXPECT_EQ(sent_.size(), 1U) << "nothing more before the peer's hello";
}

struct Unwelcome {
  const char* name;
  std::function<void(wire::Frame&)> spoil;
  uint64_t epoch;
  const char* why;
};

class UnwelcomeHello : public ProtocolTest, public testing::WithParamInterface<Unwelcome> {};

TEST_P(UnwelcomeHello, IsRefusedWithTheReason) {
  run(protocol_.connected(now_));
  wire::Frame frame = hello();
  GetParam().spoil(frame);
  receive(frame, GetParam().epoch);
  expect_refused(GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, UnwelcomeHello,
    testing::Values(Unwelcome{"Version", [](auto& f) { f.mutable_hello()->set_protocol(2); },
                              kPeerEpoch, "protocol version 2, this node speaks 1"},
                    Unwelcome{"Node", [](auto& f) { f.mutable_hello()->set_node("lb\n3"); },
                              kPeerEpoch, "node 'lb?3', this node's peer is 'lb2'"},
                    Unwelcome{"OwnEpoch", [](auto&) {}, kOwnEpoch, "epoch is this node's own"},
                    Unwelcome{"NoEpoch", [](auto&) {}, 0, "epoch is missing"},
                    Unwelcome{"NoHello", [](auto& f) { f.mutable_heartbeat(); }, kPeerEpoch,
                              "first frame is no hello"},
                    Unwelcome{"Empty", [](auto& f) { f.Clear(); }, kPeerEpoch, "malformed frame"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(ProtocolTest, RefusesAnEarlierLifeOfThePeer) {
  greet();
  run(protocol_.disconnected("gone", now_));
  run(protocol_.connected(now_));
  receive(hello(), kPeerEpoch + 1);  // restarted
  EXPECT_TRUE(protocol_.streaming());
  run(protocol_.disconnected("gone", now_));
  run(protocol_.connected(now_));
  receive(hello(), kPeerEpoch);  // the old process is still there
  expect_refused("stale epoch");
}

TEST_F(ProtocolTest, AcceptsTheSameLifeAgain) {
  for (int i = 0; i < 3; ++i) {
    greet();
    EXPECT_TRUE(protocol_.streaming());
    run(protocol_.disconnected("cable", now_));
  }
  EXPECT_EQ(protocol_.detail(), "cable");
}

TEST_F(ProtocolTest, GivesUpOnAPeerThatDoesNotGreet) {
  run(protocol_.connected(now_));
  pass(1900ms);
  EXPECT_THAT(drops_, IsEmpty());
  pass(100ms);
  EXPECT_THAT(drops_, ElementsAre("no hello from the peer"));
}

TEST_F(ProtocolTest, SaysThatTheConfigurationsDiffer) {
  run(protocol_.connected(now_));
  wire::Frame frame = hello();
  frame.mutable_hello()->set_config_hash(43);
  receive(frame);
  EXPECT_EQ(protocol_.detail(), "the peer's configuration file differs");
}

// ---- every frame in every state

TEST_F(ProtocolTest, IgnoresWhateverComesAfterTheEnd) {
  receive(hello());
  receive(good_delta(1));
  EXPECT_THAT(drops_, IsEmpty());
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(protocol_.refused(), 0U);
}

TEST_F(ProtocolTest, RefusesEverythingButHelloAndByeWhileGreeting) {
  for (const auto& frame :
       {data(1, wire::Frame::kSnapshotBegin), data(1, wire::Frame::kChunk), good_delta(1),
        data(1, wire::Frame::kSnapshotEnd), data(1, wire::Frame::kBarrier), ack(0), heartbeat()}) {
    drops_.clear();
    run(protocol_.connected(now_));
    receive(frame);
    EXPECT_THAT(drops_, ElementsAre("refused: first frame is no hello"));
  }
  EXPECT_EQ(protocol_.refused(), 7U);
}

class WrongFrames : public ProtocolTest {
 protected:
  void refuse(const std::vector<wire::Frame>& frames, const std::string& why) {
    greet();
    for (const auto& frame : frames) {
      EXPECT_THAT(drops_, IsEmpty()) << "too early, for " << why;
      receive(frame);
    }
    EXPECT_THAT(drops_, ElementsAre("refused: " + why));
    drops_.clear();
  }
  const wire::Frame begin_ = data(1, wire::Frame::kSnapshotBegin);
  const wire::Frame end_ = data(2, wire::Frame::kSnapshotEnd);
};

TEST_F(WrongFrames, OrderOfDataFrames) {
  for (const auto kind : {wire::Frame::kChunk, wire::Frame::kSnapshotEnd, wire::Frame::kDelta,
                          wire::Frame::kBarrier}) {
    refuse({data(1, kind)}, "data before the snapshot");
  }
  refuse({data(0, wire::Frame::kSnapshotBegin)}, "data frame without a number");
  refuse({begin_, end_, data(3, wire::Frame::kChunk)}, "chunk outside a snapshot");
  refuse({begin_, end_, data(3, wire::Frame::kSnapshotEnd)}, "end of a snapshot that never began");
  refuse({begin_, data(2, wire::Frame::kBarrier)}, "barrier inside a snapshot");
}

TEST_F(WrongFrames, PoolsOfASnapshot) {
  wire::Frame begin = begin_;
  begin.mutable_snapshot_begin()->add_pools();
  refuse({begin}, "pool name size");
  begin.mutable_snapshot_begin()->mutable_pools(0)->set_pool(std::string(257, 'x'));
  refuse({begin}, "pool name size");
  for (size_t i = 0; i < kMaxPools; ++i) {
    begin.mutable_snapshot_begin()->add_pools()->set_pool("web");
  }
  refuse({begin}, "too many pools");
}

TEST_F(WrongFrames, HelloAcksAndEpochs) {
  refuse({hello()}, "a second hello");
  refuse({ack(0, 77)}, "ack for another epoch");
  refuse({ack(1)}, "ack for a frame that is not on its way");
  greet();
  receive(heartbeat(), kPeerEpoch + 5);
  EXPECT_THAT(drops_, ElementsAre("refused: frame of another epoch"));
}

TEST_F(WrongFrames, AckThatGoesBack) {
  sync();
  receive(ack(1));
  EXPECT_THAT(drops_, ElementsAre("refused: ack for a frame that is not on its way"));
}

TEST_F(WrongFrames, FieldsOfEntries) {
  const auto spoilt = [&](const std::string& why, const std::function<void(wire::Batch&)>& spoil) {
    wire::Frame delta = good_delta(3);
    spoil(*delta.mutable_delta());
    refuse({begin_, end_, delta}, why);
    EXPECT_THAT(merged_, IsEmpty());
  };
  spoilt("key of 5 bytes", [](auto& b) { b.mutable_runs(0)->set_key_bytes(5); });
  spoilt("columns of different length", [](auto& b) { b.mutable_runs(0)->set_keys("abc"); });
  spoilt("columns of different length", [](auto& b) { b.mutable_runs(0)->add_servers(1); });
  spoilt("columns of different length", [](auto& b) { b.mutable_runs(0)->clear_idle_ms(); });
  spoilt("columns of different length", [](auto& b) { b.mutable_runs(0)->set_removed(true); });
  spoilt("entry of an unknown pool", [](auto& b) { b.mutable_runs(0)->set_pool(2); });
  spoilt("entry of an unknown pool", [](auto& b) { b.mutable_runs(0)->set_pool(0); });
  spoilt("entry of an unknown server", [](auto& b) { b.mutable_runs(0)->set_servers(0, 2); });
  spoilt("entry of an unknown server", [](auto& b) { b.mutable_runs(0)->set_servers(0, 0); });
  spoilt("version 0", [](auto& b) { b.mutable_runs(0)->set_versions(0, 0); });
  spoilt(fmt::format("version {}", kMaxVersion),
         [](auto& b) { b.mutable_runs(0)->set_versions(0, kMaxVersion); });
  spoilt("pool number 2 out of turn", [](auto& b) { b.mutable_pools(0)->set_number(2); });
  spoilt("pool name size", [](auto& b) { b.mutable_pools(0)->clear_name(); });
  spoilt("pool name size",
         [](auto& b) { b.mutable_pools(0)->set_name(std::string(kMaxNameBytes + 1, 'x')); });
  spoilt("server number 9 out of turn", [](auto& b) { b.mutable_servers(0)->set_number(9); });
  spoilt("server of an unknown pool", [](auto& b) { b.mutable_servers(0)->set_pool(3); });
  spoilt("server address", [](auto& b) { b.mutable_servers(0)->set_address("nowhere"); });
  spoilt("entry with another pool's server", [](auto& b) {
    auto& pool = *b.add_pools();
    pool.set_number(2);
    pool.set_name("mail");
    b.mutable_runs(0)->set_pool(2);
  });
  spoilt("more than 4096 entries", [](auto& b) {
    auto& run = *b.mutable_runs(0);
    for (size_t i = 0; i < kMaxBatchEntries; ++i) {
      run.mutable_keys()->append("abcd");
      run.add_versions(1);
      run.add_servers(1);
      run.add_idle_ms(0);
    }
  });
}

TEST_F(WrongFrames, RemovedEntryInASnapshot) {
  wire::Frame chunk = data(2, wire::Frame::kChunk);
  *chunk.mutable_chunk() = good_delta(2).delta();
  auto& run = *chunk.mutable_chunk()->mutable_runs(0);
  run.set_removed(true);
  run.clear_servers();
  run.clear_idle_ms();
  refuse({begin_, chunk}, "removed entry in a snapshot");
}

TEST_F(ProtocolTest, BytesThatAreNoFrame) {
  greet();
  run(protocol_.received("\xff\xff\xff", now_));
  expect_refused("malformed frame");
}

TEST_F(ProtocolTest, ThePeersRefusalIsShownInPrint) {
  greet();
  wire::Frame bye;
  bye.mutable_bye()->set_reason("no\nway" + std::string(1000, 'x'));
  receive(bye);
  ASSERT_EQ(drops_.size(), 1U);
  EXPECT_THAT(drops_[0], HasSubstr("the peer refused: no?way"));
  EXPECT_LT(drops_[0].size(), 300U);
  EXPECT_THAT(take(wire::Frame::kBye), IsEmpty()) << "a refusal is not answered";
}

// ---- order, gaps, duplicates

TEST_F(ProtocolTest, AcknowledgesCumulatively) {
  sync();
  receive(good_delta(3, 7));
  wire::Frame again = good_delta(4, 8);
  again.mutable_delta()->clear_pools();
  again.mutable_delta()->clear_servers();
  receive(again);
  pump();
  const auto acks = take(wire::Frame::kAck);
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0].ack().epoch(), kPeerEpoch);
  EXPECT_EQ(acks[0].ack().sequence(), 4U);
  ASSERT_EQ(merged_.size(), 2U);
  EXPECT_EQ(merged_[0].session.key, client(1));
  EXPECT_EQ(merged_[0].session.version, 7U);
  EXPECT_EQ(merged_[0].session.idle, 3ms);
  EXPECT_EQ(tables_.entries().begin()->second.server, backend(1));
}

TEST_F(ProtocolTest, AGapIsMendedByASnapshot) {
  sync();
  receive(good_delta(4));  // 3 is missing
  pump();
  EXPECT_THAT(merged_, IsEmpty());
  EXPECT_EQ(protocol_.state(), State::snapshot);
  auto resyncs = take(wire::Frame::kResync);
  ASSERT_EQ(resyncs.size(), 1U);
  EXPECT_EQ(resyncs[0].resync().reason(), "frame 4 after frame 2");
  EXPECT_EQ(protocol_.resyncs(), 1U);

  receive(good_delta(5));  // on its way still
  pump();
  EXPECT_THAT(merged_, IsEmpty());
  EXPECT_THAT(take(wire::Frame::kResync), IsEmpty()) << "asked once";
  EXPECT_EQ(take(wire::Frame::kAck).back().ack().sequence(), 2U);

  receive(data(6, wire::Frame::kSnapshotBegin));
  receive(good_delta(7));
  receive(data(8, wire::Frame::kSnapshotEnd));
  pump();
  EXPECT_EQ(merged_.size(), 1U);
  EXPECT_EQ(take(wire::Frame::kAck).back().ack().sequence(), 8U);
  EXPECT_EQ(protocol_.state(), State::synced);
  EXPECT_THAT(drops_, IsEmpty());
}

TEST_F(ProtocolTest, ADuplicateIsCountedAndNotStoredTwice) {
  sync();
  receive(good_delta(3));
  receive(good_delta(3));
  receive(data(1, wire::Frame::kSnapshotBegin));
  EXPECT_EQ(merged_.size(), 1U);
  EXPECT_EQ(protocol_.refused(), 2U);
  EXPECT_EQ(protocol_.state(), State::synced);
  EXPECT_THAT(drops_, IsEmpty());
}

TEST_F(ProtocolTest, ASnapshotThatLostEntriesIsAskedForAgain) {
  greet();
  receive(data(1, wire::Frame::kSnapshotBegin));
  wire::Frame end = data(2, wire::Frame::kSnapshotEnd);
  end.mutable_snapshot_end()->set_entries(3);
  receive(end);
  pump();
  ASSERT_EQ(take(wire::Frame::kResync).size(), 1U);
  EXPECT_EQ(protocol_.detail(), "snapshot of 3 entries brought 0");
}

TEST_F(ProtocolTest, ASnapshotWithAnotherDigestIsAskedForAgain) {
  greet();
  receive(data(1, wire::Frame::kSnapshotBegin));
  wire::Frame chunk = data(2, wire::Frame::kChunk);
  *chunk.mutable_chunk() = good_delta(2).delta();
  receive(chunk);
  wire::Frame end = data(3, wire::Frame::kSnapshotEnd);
  end.mutable_snapshot_end()->set_entries(1);
  end.mutable_snapshot_end()->set_digest(12345);
  receive(end);
  pump();
  ASSERT_EQ(take(wire::Frame::kResync).size(), 1U);
  EXPECT_EQ(protocol_.detail(), "digest of the snapshot is wrong");
  EXPECT_EQ(protocol_.state(), State::snapshot);
}

// ---- our side

TEST_F(ProtocolTest, SendsASnapshotThenNumberedDeltas) {
  for (uint32_t i = 0; i < 6; ++i) tables_.put("web", client(i), backend(1));
  tables_.take_changes();
  greet();
  pump();
  // Window of 4: begin, two chunks of at most 4, end.
  std::vector<wire::Frame::BodyCase> kinds;
  for (const auto& frame : sent_) {
    if (frame.sequence() > 0) kinds.push_back(frame.body_case());
  }
  EXPECT_THAT(kinds, ElementsAre(wire::Frame::kSnapshotBegin, wire::Frame::kChunk,
                                 wire::Frame::kChunk, wire::Frame::kSnapshotEnd));
  EXPECT_EQ(protocol_.state_text(), "snapshot 0%");
  receive(ack(2));
  receive(data(1, wire::Frame::kSnapshotBegin));
  receive(data(2, wire::Frame::kSnapshotEnd));
  EXPECT_EQ(protocol_.state_text(), "snapshot 66%");
  receive(ack(4));
  EXPECT_EQ(protocol_.state_text(), "synced");

  sent_.clear();
  tables_.put("mail", client(1), backend(9));
  const auto list = tables_.take_changes();
  run(protocol_.changes(list, false, nullptr, now_));
  EXPECT_EQ(protocol_.lag_entries(), 1U);
  pump();
  const auto deltas = take(wire::Frame::kDelta);
  ASSERT_EQ(deltas.size(), 1U);
  EXPECT_EQ(deltas[0].sequence(), 5U);
  EXPECT_EQ(deltas[0].delta().pools(0).name(), "mail");
  EXPECT_EQ(deltas[0].delta().servers(0).address(), "192.168.0.9:8080");
  now_ += 5ms;
  EXPECT_EQ(protocol_.lag(now_), 5ms);
  receive(ack(5));
  EXPECT_EQ(protocol_.lag_entries(), 0U);
  EXPECT_EQ(protocol_.lag(now_), 0ms);
}

TEST_F(ProtocolTest, KeepsToTheWindowAndToTheRoom) {
  sync();
  std::vector<sticky::SessionChange> list;
  for (uint32_t i = 0; i < 8; ++i) tables_.put("web", client(i), backend(1));
  list = tables_.take_changes();
  run(protocol_.changes(list, false, nullptr, now_));
  run(protocol_.pump(0, now_));
  EXPECT_THAT(sent_, IsEmpty());
  run(protocol_.pump(1, now_));
  EXPECT_EQ(take(wire::Frame::kDelta).size(), 1U) << "room for some, so for one frame";
  pump();
  EXPECT_EQ(take(wire::Frame::kDelta).size(), 1U);
  for (int round = 0; round < 4; ++round) {  // the window is 4 frames
    tables_.put("web", client(20), backend(1));
    run(protocol_.changes(tables_.take_changes(), false, nullptr, now_));
    pump();
  }
  EXPECT_EQ(take(wire::Frame::kDelta).size(), 2U);
  receive(ack(6));
  pump();
  EXPECT_EQ(take(wire::Frame::kDelta).size(), 1U) << "what piled up for one key is one entry";
}

TEST_F(ProtocolTest, AFullQueueBecomesASnapshotOfBoth) {
  sync();
  for (uint32_t i = 0; i < 9; ++i) tables_.put("web", client(i), backend(1));  // the queue holds 8
  run(protocol_.changes(tables_.take_changes(), false, nullptr, now_));
  EXPECT_EQ(protocol_.state(), State::snapshot);
  EXPECT_EQ(protocol_.resyncs(), 1U);
  EXPECT_EQ(protocol_.detail(), "too many changes at once");
  pump();
  EXPECT_EQ(take(wire::Frame::kResync).size(), 1U);
  EXPECT_EQ(take(wire::Frame::kSnapshotBegin).size(), 1U);
  EXPECT_EQ(take(wire::Frame::kChunk).size(), 3U);
}

// The receiver makes room before it is needed; a peer that says nothing of it is as welcome.
TEST_F(ProtocolTest, ASnapshotSaysHowLargeItsPoolsAre) {
  sync();
  EXPECT_THAT(tables_.expected(), IsEmpty());
  for (uint32_t i = 0; i < 3; ++i) tables_.put("mail", client(i), backend(1));
  tables_.take_changes();

  wire::Frame resync;
  resync.mutable_resync();
  receive(resync);
  pump();
  const auto begins = take(wire::Frame::kSnapshotBegin);
  ASSERT_EQ(begins.size(), 1U);
  const auto& begin = begins[0].snapshot_begin();
  ASSERT_EQ(begin.pools_size(), 1);
  EXPECT_EQ(begin.pools(0).pool(), "mail");
  EXPECT_EQ(begin.pools(0).entries(), 3U);

  wire::Frame theirs = data(3, wire::Frame::kSnapshotBegin);
  auto* web = theirs.mutable_snapshot_begin()->add_pools();
  web->set_pool("web");
  web->set_entries(1'000'000);
  receive(theirs);
  EXPECT_THAT(tables_.expected(), ElementsAre(Pair("web", 1'000'000U)));
}

TEST_F(ProtocolTest, AnOverflowOfTheStoreIsTheSame) {
  sync();
  run(protocol_.changes({}, true, nullptr, now_));
  pump();
  EXPECT_EQ(take(wire::Frame::kResync).size(), 1U);
  EXPECT_EQ(take(wire::Frame::kSnapshotBegin).size(), 1U);
}

TEST_F(ProtocolTest, ThePeerMayAskForASnapshot) {
  sync();
  wire::Frame resync;
  resync.mutable_resync()->set_reason("why not");
  receive(resync);
  EXPECT_EQ(protocol_.state(), State::snapshot);
  EXPECT_EQ(protocol_.resyncs(), 1U);
  pump();
  EXPECT_EQ(take(wire::Frame::kSnapshotBegin).size(), 1U);
  EXPECT_EQ(take(wire::Frame::kSnapshotEnd).size(), 1U);
}

TEST_F(ProtocolTest, WhatWeRemovedDoesNotComeBackBeforeThePeerKnows) {
  sync();
  receive(good_delta(3, 7));
  ASSERT_EQ(tables_.size(), 1U);
  tables_.remove("web", client(1));
  run(protocol_.changes(tables_.take_changes(), false, nullptr, now_));
  pump();
  receive(data(4, wire::Frame::kSnapshotBegin));  // the peer read it before our removal came
  receive(good_delta(5, 7));
  EXPECT_EQ(tables_.size(), 0U);
  receive(ack(3));  // now it knows: what it says afterwards is news
  receive(data(6, wire::Frame::kSnapshotBegin));
  receive(good_delta(7, 7));
  EXPECT_EQ(tables_.size(), 1U);
}

TEST_F(ProtocolTest, TiesAreTheActives) {
  sync();
  receive(good_delta(3));
  EXPECT_TRUE(preferred_ours_) << "nobody is Active: the lower name";
  wire::Frame active = heartbeat();
  active.mutable_heartbeat()->set_active(true);
  receive(active);
  receive(data(4, wire::Frame::kSnapshotBegin));
  receive(good_delta(5));
  EXPECT_FALSE(preferred_ours_);
  receive(heartbeat());
  protocol_.set_active(true);
  receive(data(6, wire::Frame::kSnapshotBegin));
  receive(good_delta(7));
  EXPECT_TRUE(preferred_ours_);
}

// ---- heartbeats and silence

TEST_F(ProtocolTest, HeartbeatsOnTimeAndAtOnceWhenTheRoleChanges) {
  sync();
  pump();
  EXPECT_EQ(take(wire::Frame::kHeartbeat).size(), 0U) << "one went out with the greeting";
  now_ += 200ms;
  pump();
  EXPECT_EQ(take(wire::Frame::kHeartbeat).size(), 1U);
  protocol_.set_active(true);
  pump();
  const auto beats = take(wire::Frame::kHeartbeat);
  ASSERT_EQ(beats.size(), 1U);
  EXPECT_TRUE(beats[0].heartbeat().active());
  EXPECT_TRUE(beats[0].heartbeat().has_status());
}

TEST_F(ProtocolTest, AStatusTooLargeForAFrameTravelsWithoutItsServices) {
  for (int i = 0; i < 20000; ++i) own_status_.add_services()->set_name(std::string(40, 's'));
  own_status_.set_node("lb1");
  greet();
  pump();
  const auto beats = take(wire::Frame::kHeartbeat);
  ASSERT_EQ(beats.size(), 1U);
  EXPECT_EQ(beats[0].heartbeat().status().node(), "lb1");
  EXPECT_EQ(beats[0].heartbeat().status().services_size(), 0);
}

TEST_F(ProtocolTest, SilenceIsTheEnd) {
  sync();
  pass(950ms);
  EXPECT_THAT(drops_, IsEmpty());
  receive(heartbeat());
  pass(950ms);
  EXPECT_THAT(drops_, IsEmpty());
  pass(100ms);
  EXPECT_THAT(drops_, ElementsAre("silent for 1.0s"));
}

TEST_F(ProtocolTest, WhoeverSleptDoesNotBlameThePeer) {
  sync();
  pass(50ms);
  now_ += 10s;  // SIGSTOP, or a suspended machine
  run(protocol_.tick(now_));
  EXPECT_THAT(drops_, IsEmpty());
  pass(1000ms);
  EXPECT_THAT(drops_, ElementsAre("silent for 1.0s"));
}

TEST_F(ProtocolTest, FarBehindIsCatchingUpAndSaysHowFar) {
  sync();
  wire::Frame beat = heartbeat();
  beat.mutable_heartbeat()->set_queued(40000);
  receive(beat);
  EXPECT_EQ(protocol_.state_text(), "catching up 40000");
  beat.mutable_heartbeat()->set_queued(5000);
  receive(beat);
  EXPECT_EQ(protocol_.state_text(), "catching up 5000");
  beat.mutable_heartbeat()->set_queued(1000);
  receive(beat);
  EXPECT_EQ(protocol_.state_text(), "synced");
  beat.mutable_heartbeat()->set_queued(5000);
  receive(beat);
  EXPECT_EQ(protocol_.state_text(), "synced") << "a burst is no reason";
}

// ---- barriers, with a real peer

TEST(ProtocolPair, ABarrierFindsAndMendsADifference) {
  VirtualPair pair;
  for (uint32_t i = 0; i < 100; ++i) pair[0].tables.put("web", client(i), backend(i % 3));
  pair.connect();
  pair.settle();
  ASSERT_TRUE(pair.equal());
  ASSERT_EQ(pair.protocol(1).state(), State::synced);
  pair[1].tables.sabotage("web", client(50));
  ASSERT_FALSE(pair.equal());
  for (int i = 0; i < 60; ++i) {
    pair.pass(50ms);
    for (size_t node = 0; node < 2; ++node) pair.tick(node);
    pair.settle();
  }
  EXPECT_TRUE(pair.equal());
  EXPECT_EQ(pair.protocol(0).state(), State::synced);
  EXPECT_EQ(pair[0].differences.size() + pair[1].differences.size(), 1U);
}

TEST(ProtocolPair, ADifferenceThatStaysIsNotMendedAllTheTime) {
  VirtualPair pair;
  pair.connect();
  pair.settle();
  size_t found = 0;
  for (int i = 0; i < 20 * 300; ++i) {
    pair[0].tables.put("web", client(1), backend(1));
    pair.flush(0);
    pair.settle();
    pair[1].tables.sabotage("web", client(1));  // as a table too small for it would
    pair.pass(50ms);
    for (size_t node = 0; node < 2; ++node) pair.tick(node);
    pair.settle();
    found = pair[0].differences.size() + pair[1].differences.size();
  }
  EXPECT_GE(found, 4U);
  EXPECT_LE(found, 20U) << "in five minutes";
}

TEST(ProtocolPair, APoolThatThePeerDoesNotHaveIsNoDifference) {
  VirtualPair pair;
  pair[0].tables = FakeTables({"web", "mail", "only here"});
  pair.restart(0);
  pair[0].tables.put("only here", client(1), backend(1));
  pair[0].tables.put("web", client(1), backend(1));
  pair.connect();
  for (int i = 0; i < 100; ++i) {
    pair.settle();
    pair.pass(50ms);
    for (size_t node = 0; node < 2; ++node) pair.tick(node);
  }
  EXPECT_EQ(pair[1].tables.size(), 1U);
  EXPECT_EQ(pair.protocol(0).state(), State::synced);
  EXPECT_EQ(pair.protocol(0).resyncs() + pair.protocol(1).resyncs(), 0U);
}

TEST(ProtocolPair, StatusTravelsWithTheHeartbeat) {
  VirtualPair pair;
  pair.connect();
  pair.settle();
  ASSERT_TRUE(pair[1].heard.has_value());
  EXPECT_EQ(pair[1].heard->node(), "lb1");
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test
