// Two replication protocols over a virtual wire that is slow, cut and rebuilt, with sessions that
// come and go on either node, both nodes restarting, and queues so small that they overflow.
// Thousands of seeds; one that fails prints the command that replays it. What must hold:
//   - what the peer acknowledged is on the peer, at any moment
//   - once changes stop and the wire holds, both tables are equal and both nodes say "synced"
//   - as long as one node writes and no queue overflows, no barrier ever finds a difference:
//   barriers are for mistakes
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lbcore/replicate/entries.h"
#include "tests/unit/lbcore/replicate/virtual_pair.h"

namespace hapair::lbcore::replicate::test {
namespace {

constexpr size_t kPools = 2;
const char* const kPoolNames[kPools] = {"web", "mail"};

class Simulation {
 public:
  explicit Simulation(uint64_t seed)
      : random_(seed),
        orderly_(seed % 2 == 0),
        pair_({"web", "mail"}, Sender::Limits{.max_queued = orderly_ ? 100000U : 30U,
                                              .batch = 1 + pick(16),
                                              .window = 2 + pick(8),
                                              .barrier_period = 300ms}) {
    pair_.on_sent = [this](size_t from, const std::string& payload) { sent(from, payload); };
    set_active(0);
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
  }

  void heal() {
    set_active(pick(2));
    if (!pair_.connected()) connect();
    pair_.settle();
    for (int i = 0; i < 100; ++i) {
      pair_.pass(50ms);
      if (!pair_.connected()) connect();
      for (size_t node = 0; node < 2; ++node) pair_.tick(node);
      pair_.settle();
    }
    check_acknowledged();
    EXPECT_TRUE(pair_.equal()) << pair_[0].tables.size() << " and " << pair_[1].tables.size();
    for (size_t node = 0; node < 2; ++node) {
      EXPECT_EQ(pair_.protocol(node).state(), State::synced) << pair_.protocol(node).state_text();
      EXPECT_EQ(pair_.protocol(node).lag_entries(), 0U);
      EXPECT_EQ(pair_.protocol(node).refused(), 0U) << pair_.protocol(node).detail();
      if (orderly_) {
        EXPECT_THAT(pair_[node].differences, testing::IsEmpty());
      }
    }
  }

  [[nodiscard]] uint64_t resyncs() {
    return pair_.protocol(0).resyncs() + pair_.protocol(1).resyncs();
  }

 private:
  size_t pick(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  void set_active(size_t node) {
    active_ = node;
    for (size_t i = 0; i < 2; ++i) pair_.protocol(i).set_active(i == node);
  }

  void connect() {
    for (auto& acknowledged : frames_) acknowledged.clear();
    for (auto& decoder : decoders_) decoder.reset();
    pair_.connect();
  }

  void step() {
    switch (pick(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        change(active_);
        break;
      case 4:
        if (!orderly_ && pick(8) == 0) change(1 - active_);
        break;
      case 5:
      case 6:
        pair_.flush(pick(2));
        break;
      case 7:
      case 8:
      case 9:
        pair_.pump(pick(2), 1 + pick(400));
        break;
      case 10:
      case 11:
      case 12:
      case 13:
      case 14: {
        const size_t node = pick(2);
        for (size_t count = pick(6); count > 0; --count) deliver(node);
        break;
      }
      case 15:
        pair_.pass(std::chrono::milliseconds(pick(60)));
        break;
      case 16:
        pair_.tick(pick(2));
        break;
      case 17:
        if (!pair_.connected()) connect();
        break;
      case 18:
        rare();
        break;
      default:
        for (size_t i = 0; i < 10; ++i) change(active_);
        break;
    }
    for (size_t node = 0; node < 2; ++node) {
      if (pair_.connected()) continue;
      pair_.flush(node);  // the real one does so at once, too
    }
  }

  void rare() {
    switch (pick(40)) {
      case 0:
        pair_.cut();
        break;
      case 1: {
        const size_t node = pick(2);
        pair_.restart(node);
        pair_[node].tables.lose_everything();
        acknowledged_[1 - node].clear();  // the only copy of some of them is gone
        set_active(active_ == node ? 1 - node : active_);
        break;
      }
      case 2:
        // A handover: what the old Active said has arrived, and both know of the change.
        if (orderly_) pair_.settle();
        set_active(1 - active_);
        if (orderly_) pair_.settle();
        break;
      case 3:
        pair_[active_].overflow_next = !orderly_;
        break;
      default:
        break;
    }
  }

  void change(size_t node) {
    auto& tables = pair_[node].tables;
    const char* pool = kPoolNames[pick(kPools)];
    const IpAddress key = client(static_cast<uint32_t>(pick(60)));
    if (pick(4) == 0) {
      tables.remove(pool, key);
    } else {
      tables.put(pool, key, backend(static_cast<uint32_t>(pick(5))));
    }
  }

  void deliver(size_t node) {
    wire::Frame frame;
    const bool is_ack = !pair_[node].inbox.empty() &&
                        frame.ParseFromString(pair_[node].inbox.front()) && frame.has_ack();
    if (!pair_.deliver(node) || !is_ack) return;
    // Everything in frames up to this one counts as safe from now on.
    auto& frames = frames_[node];
    while (!frames.empty() && frames.begin()->first <= frame.ack().sequence()) {
      for (const auto& entry : frames.begin()->second) {
        acknowledged_[node][{std::string(pair_[node].tables.pool_name(entry.pool)),
                             entry.session.key}] = entry;
      }
      frames.erase(frames.begin());
    }
    check_acknowledged();
  }

  /// Remembers which entries are in which frame.
  void sent(size_t from, const std::string& payload) {
    wire::Frame frame;
    ASSERT_TRUE(frame.ParseFromString(payload));
    ASSERT_LT(payload.size(), size_t{1} << 20);
    if (frame.has_snapshot_begin() || !decoders_[from]) {
      decoders_[from] = std::make_unique<EntryDecoder>(pair_[from].tables);
    }
    if (!frame.has_chunk() && !frame.has_delta()) return;
    auto& entries = frames_[from][frame.sequence()];
    const auto status =
        decoders_[from]->decode(frame.has_chunk() ? frame.chunk() : frame.delta(), entries);
    ASSERT_TRUE(status) << status.error().message;
  }

  void check_acknowledged() {
    for (size_t node = 0; node < 2; ++node) {
      const auto& tables = pair_[1 - node].tables;
      for (const auto& [key, entry] : acknowledged_[node]) {
        const auto found = tables.entries().find(key);
        const auto removed = tables.removed().find(key);
        const uint64_t version = entry.session.version;
        if (entry.removed) {
          // It may only have come back by a newer put, or by a reconnect's snapshot: see DESIGN
          // section 7.
          continue;
        }
        const bool there = found != tables.entries().end() && found->second.version >= version;
        const bool gone = removed != tables.removed().end() && removed->second >= version;
        ASSERT_TRUE(there || gone) << "acknowledged, not on the peer: " << key.first << ' '
                                   << key.second.to_string() << " version " << version;
      }
    }
  }

  std::mt19937_64 random_;
  bool orderly_;
  VirtualPair pair_;
  size_t active_ = 0;
  std::array<std::unique_ptr<EntryDecoder>, 2> decoders_;
  std::array<std::map<uint64_t, std::vector<sticky::SessionChange>>, 2> frames_;
  std::array<std::map<FakeTables::Key, sticky::SessionChange>, 2> acknowledged_;
};

TEST(ReplicationSim, TablesAreEqualAfterHealing) {
  const char* only = std::getenv("HAPAIR_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const uint64_t last = only == nullptr ? 1000 : first;
  uint64_t resyncs = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Simulation simulation(seed);
    simulation.run(600);
    simulation.heal();
    resyncs += simulation.resyncs();
    ASSERT_FALSE(HasFailure()) << "replay: HAPAIR_SEED=" << seed << " sim_replication";
  }
  if (only == nullptr) {
    EXPECT_GT(resyncs, 100U) << "the simulation never overflowed";
  }
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test
