// The replication protocol between the two nodes, both halves: (event, now) -> ordered actions.
// Pure: no socket, no TLS, no event loop; Tables is the one thing it reads (DESIGN section 7; the
// frames are in replication.proto).
//
//   Disconnected --connected: hello--> Greeting --peer's hello is right--> Streaming
//   any --disconnected, silence, anything refused--> Disconnected
//
// The hellos settle what both nodes can do: the highest version that both speak, the features that
// both have. None in common is refused; a frame of a kind that this node does not know is ignored
// and counted. So one node can be upgraded after the other.
//
// While streaming both sides send: snapshot, deltas, acks, heartbeats, barriers, and what other
// parts of lbcore have to say to each other (lane.h). A full queue, a gap in the numbers, a wrong
// digest: one cure, new snapshots (counted). A frame that no sane peer sends (stale epoch, other
// version, wrong order, malformed): counted, answered by a Bye with the reason, connection dropped,
// never fatal (invariant 10).
//
// Merging, also after both nodes were Active at once: an entry is (pool, key) -> server with a
// version above all that its writer had seen. Of two entries the higher version stays; of equal
// ones the Active's; where both or neither say they are Active, that of the node whose name is the
// lower one. A removal takes an entry whose version is not above its own. So what only one node has
// reaches the other, and nothing is lost by a split; what one node removed meanwhile may come back
// and expires anew. Both sides then hold the same: a barrier every two seconds says so, or a
// snapshot of both mends it (roles that change in the middle of a merge can need that).
//
// What operators see:
//   disconnected   not streaming
//   snapshot N%    ours is not acknowledged yet, or theirs not complete
//   catching up N  both are, but N changes are on their way, too many or for too long
//   synced         everything else
//
// Driven by Replicator; by two instances and a virtual wire in tests.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "lbcore/replicate/lane.h"
#include "lbcore/replicate/receiver.h"
#include "lbcore/replicate/replication.pb.h"
#include "lbcore/replicate/sender.h"
#include "lbcore/replicate/tables.h"

namespace hapair::lbcore::replicate {

inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kLowestProtocolVersion = 1;

enum class State : uint8_t { disconnected, snapshot, catching_up, synced };

// Actions, to be executed in order and before the next event.
struct Send {
  std::string payload;
};
/// Store the peer's entries; the span is valid until the next event.
struct Merge {
  std::span<const sticky::SessionChange> entries;
  bool prefer_ours_on_tie = false;
};
struct Heard {
  control::NodeStatus status;
};
/// Call changes() now, with the digests of all pools.
struct TakeDigests {};
struct Drop {
  std::string reason;
};
struct Changed {
  State from;
  State to;
  std::string why;
};
using Action = std::variant<Send, Merge, Heard, TakeDigests, Drop, Changed>;
using Actions = std::vector<Action>;

class Protocol {
 public:
  struct Self {
    std::string node;
    std::string peer;  // the one name that its hello may carry
    uint64_t epoch = 0;
    uint64_t config_hash = 0;
    uint32_t protocol = kProtocolVersion;  // the highest version it speaks
    uint32_t lowest_protocol = kLowestProtocolVersion;
  };
  struct Timing {
    Duration heartbeat = 200ms;
    Duration silence = 1s;   // nothing heard for so long: the connection is dead
    Duration greeting = 2s;  // the same, before the hello
    Duration differ_pause =
        1s;  // between two resyncs because tables differ; doubles up to the next
    Duration differ_pause_most = 60s;
  };
  using OwnStatus = std::function<control::NodeStatus()>;

  Protocol(Self self, Tables& tables, OwnStatus own_status, Timing timing, Sender::Limits limits,
           std::vector<Lane*> lanes = {});

  // Events.
  Actions connected(TimePoint now);
  Actions disconnected(std::string_view reason, TimePoint now);
  Actions received(std::string_view payload, TimePoint now);
  /// Our own changes, oldest first. `digests` (may be null) are true after exactly these changes.
  Actions changes(std::span<const sticky::SessionChange> list, bool overflowed,
                  const std::vector<PoolDigest>* digests, TimePoint now);
  /// After a batch of the other events, and when the link has room again: what is to be sent, at
  /// most about `room` bytes of it.
  Actions pump(size_t room, TimePoint now);
  /// Every 50 ms or so.
  Actions tick(TimePoint now);
  void set_active(bool active);
  void set_config_hash(uint64_t hash) { self_.config_hash = hash; }

  // Views.
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::string state_text() const;
  [[nodiscard]] bool streaming() const { return std::holds_alternative<Streaming>(phase_); }
  [[nodiscard]] size_t lag_entries() const;
  [[nodiscard]] Duration lag(TimePoint now) const;
  [[nodiscard]] uint64_t refused() const { return refused_; }
  [[nodiscard]] uint64_t resyncs() const { return resyncs_; }
  /// Frames of kinds that this node does not know.
  [[nodiscard]] uint64_t ignored() const { return ignored_; }
  [[nodiscard]] uint64_t epoch() const { return self_.epoch; }
  /// The version that both speak; 0 while not streaming.
  [[nodiscard]] uint32_t version() const;
  /// What both have, while streaming.
  [[nodiscard]] std::vector<std::string_view> features() const;
  /// The last thing that went wrong, until synced again; and whether the configurations differ.
  [[nodiscard]] std::string detail() const;

 private:
  struct Disconnected {};
  struct Greeting {
    TimePoint since;
  };
  struct Streaming {
    Streaming(Tables& tables, Sender::Limits limits) : sender(tables, limits), receiver(tables) {}
    Sender sender;
    Receiver receiver;
    TimePoint last_heard{};
    TimePoint next_heartbeat{};
    uint32_t version = 0;
    std::vector<Lane*> lanes;  // that the peer has as well
    bool peer_active = false;
    bool config_differs = false;
    size_t peer_lag_entries = 0;
    bool ack_due = false;
    std::optional<std::string> resync_due;  // reason
    std::optional<wire::Barrier> compare;   // waits for our digests
  };

  void on_hello(Actions& out, TimePoint now);
  void on_frame(Streaming& live, Actions& out, TimePoint now);
  void on_data(Streaming& live, Actions& out, TimePoint now);
  void on_heartbeat(Streaming& live, Actions& out);
  void on_other(Streaming& live, Actions& out, TimePoint now);
  void leave();
  void compare(Streaming& live, const std::vector<PoolDigest>& ours, TimePoint now);
  void resync_both(Streaming& live, std::string reason);
  void refuse(Actions& out, std::string reason, TimePoint now);
  void drop(Actions& out, std::string reason, TimePoint now);
  [[nodiscard]] std::string why_not_welcome(const wire::Frame& frame) const;
  [[nodiscard]] Result<uint32_t> common_version(const wire::Hello& hello) const;
  void add_hello(Actions& out);
  void add_heartbeat(Streaming& live, Actions& out, TimePoint now);
  size_t add_frame(Actions& out);
  bool add_turn(Streaming& live, Actions& out, size_t& used, TimePoint now);
  [[nodiscard]] bool ours_wins_tie(const Streaming& live) const;
  [[nodiscard]] State judge(TimePoint now) const;
  void update_state(Actions& out, std::string_view why, TimePoint now);

  Self self_;
  Tables& tables_;
  OwnStatus own_status_;
  Timing timing_;
  Sender::Limits limits_;
  std::vector<Lane*> lanes_;

  std::variant<Disconnected, Greeting, Streaming> phase_;
  State state_ = State::disconnected;
  bool active_ = false;
  uint64_t peer_epoch_ = 0;
  std::deque<uint64_t> retired_epochs_;  // earlier lives of the peer
  TimePoint last_tick_{};
  uint64_t refused_ = 0;
  uint64_t ignored_ = 0;
  uint64_t resyncs_ = 0;
  std::string trouble_;
  TimePoint differ_until_{};  // no resync because of a barrier before this
  Duration differ_pause_;

  wire::Frame in_;
  wire::Frame out_frame_;  // reused: its buffers stay
};

}  // namespace hapair::lbcore::replicate
