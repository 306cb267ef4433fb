// Two nodes, each a Protocol over FakeTables, and the wire between them: frames keep their order
// while a connection lives, arrive when the test lets them, and are lost when it is cut. Executes
// actions as Replicator does.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lbcore/replicate/protocol.h"
#include "tests/unit/lbcore/replicate/fake_tables.h"

namespace hapair::lbcore::replicate::test {

class VirtualPair {
 public:
  struct Node {
    FakeTables tables;
    std::unique_ptr<Protocol> protocol;
    std::string name;
    bool connected = false;
    std::deque<std::string> inbox;  // frames on their way to this node
    std::vector<std::string> drops;
    std::vector<std::string> differences;  // reasons of resyncs that a barrier asked for
    std::optional<control::NodeStatus> heard;
    bool overflow_next = false;  // the store lost its changes
  };

  explicit VirtualPair(const std::vector<std::string>& pools = {"web", "mail"},
                       Sender::Limits limits = {.max_queued = 1 << 17,
                                                .batch = 1024,
                                                .window = 64,
                                                .barrier_period = 2s})
      : limits_(limits),
        nodes_{{{FakeTables(pools), {}, "lb1", {}, {}, {}, {}, {}, {}},
                {FakeTables(pools, 7), {}, "lb2", {}, {}, {}, {}, {}, {}}}} {
    restart(0);
    restart(1);
  }

  Node& operator[](size_t i) { return nodes_[i]; }
  Protocol& protocol(size_t i) { return *nodes_[i].protocol; }
  [[nodiscard]] TimePoint now() const { return now_; }

  /// A new life: another epoch. Cuts the connection first.
  void restart(size_t i) {
    cut();
    auto& node = nodes_[i];
    node.protocol = std::make_unique<Protocol>(
        Protocol::Self{node.name, nodes_[1 - i].name, ++epochs_, 42}, node.tables,
        [&node] {
          control::NodeStatus status;
          status.set_node(node.name);
          return status;
        },
        Protocol::Timing{}, limits_);
  }
  void connect() {
    cut();
    for (size_t i = 0; i < 2; ++i) nodes_[i].connected = true;
    for (size_t i = 0; i < 2; ++i) run(i, nodes_[i].protocol->connected(now_));
  }
  void cut() {
    for (size_t i = 0; i < 2; ++i) {
      nodes_[i].inbox.clear();
      if (std::exchange(nodes_[i].connected, false)) {
        run(i, nodes_[i].protocol->disconnected("cut", now_));
      }
    }
  }
  [[nodiscard]] bool connected() const { return nodes_[0].connected && nodes_[1].connected; }

  void pass(Duration time) { now_ += time; }
  void tick(size_t i) { run(i, nodes_[i].protocol->tick(now_)); }
  /// Hands the tables' changes to the protocol.
  void flush(size_t i, bool with_digests = false) {
    auto& node = nodes_[i];
    const auto list = node.tables.take_changes();
    const auto digests = with_digests ? node.tables.digests() : std::vector<PoolDigest>();
    const bool overflowed = std::exchange(node.overflow_next, false);
    run(i, node.protocol->changes(overflowed ? decltype(list){} : list, overflowed,
                                  with_digests ? &digests : nullptr, now_));
  }
  void pump(size_t i, size_t room = size_t{1} << 20) {
    if (nodes_[i].connected) run(i, nodes_[i].protocol->pump(room, now_));
  }
  /// The next frame for node `i`, if there is one. Our own changes first: the protocol must know of
  /// a removal before the peer's older word about that key is merged.
  bool deliver(size_t i) {
    auto& node = nodes_[i];
    if (node.inbox.empty() || !node.connected) return false;
    flush(i);
    if (node.inbox.empty()) return false;
    const std::string frame = std::move(node.inbox.front());
    node.inbox.pop_front();
    run(i, node.protocol->received(frame, now_));
    return true;
  }
  void inject(size_t i, const wire::Frame& frame) {
    run(i, nodes_[i].protocol->received(frame.SerializeAsString(), now_));
  }
  /// Lets everything happen that wants to, without time passing; bounded.
  void settle() {
    for (int round = 0; round < 10000; ++round) {
      bool busy = false;
      for (size_t i = 0; i < 2; ++i) {
        flush(i);
        const size_t before = nodes_[1 - i].inbox.size();
        pump(i);
        busy = busy || nodes_[1 - i].inbox.size() != before;
      }
      for (size_t i = 0; i < 2; ++i) {
        while (deliver(i)) busy = true;
      }
      if (!busy) return;
    }
  }
  [[nodiscard]] bool equal() const {
    return nodes_[0].tables.entries() == nodes_[1].tables.entries();
  }

  /// Called with (sender, frame) for every frame that goes onto the wire, and (receiver, frame)
  /// after one was handled.
  std::function<void(size_t, const std::string&)> on_sent;

 private:
  void run(size_t i, const Actions& actions) {
    auto& node = nodes_[i];
    bool dropped = false;
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Send>(&action)) {
        if (on_sent) on_sent(i, send->payload);
        if (connected()) nodes_[1 - i].inbox.push_back(send->payload);
      } else if (const auto* merge = std::get_if<Merge>(&action)) {
        for (const auto& entry : merge->entries)
          node.tables.merge(entry, merge->prefer_ours_on_tie);
      } else if (const auto* heard = std::get_if<Heard>(&action)) {
        node.heard = heard->status;
      } else if (std::holds_alternative<TakeDigests>(action)) {
        const auto resyncs = node.protocol->resyncs();
        flush(i, true);
        if (node.protocol->resyncs() != resyncs)
          node.differences.push_back(node.protocol->detail());
      } else if (const auto* drop = std::get_if<Drop>(&action)) {
        node.drops.push_back(drop->reason);
        node.connected = false;
        dropped = true;
      }
    }
    if (dropped) {
      // The peer reads what was sent before it sees the end of the connection.
      auto& other = nodes_[1 - i];
      while (!other.inbox.empty() && other.connected) {
        const std::string frame = std::move(other.inbox.front());
        other.inbox.pop_front();
        flush(1 - i);
        run(1 - i, other.protocol->received(frame, now_));
      }
      cut();
    }
  }

  Sender::Limits limits_;
  std::array<Node, 2> nodes_;
  TimePoint now_{1h};
  uint64_t epochs_ = 100;
};

}  // namespace hapair::lbcore::replicate::test
