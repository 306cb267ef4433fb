// The pair link as the balancer sees it: sessions flow to the peer, the peer's sessions and its
// status flow in. Behind it: protocol (pure: epochs, numbers, acks, snapshots), link (TCP + TLS 1.3
// with the pair key), framing.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/config/pair_section.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/pair_key.h"
#include "common/schema/control.pb.h"
#include "lbcore/model/topology.h"
#include "lbcore/replicate/lane.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate {

class Replicator {
 public:
  struct Hooks {
    std::function<control::NodeStatus()>
        own_status;                         // sent with every heartbeat (without its `peer`)
    std::function<bool()> active;           // decides ties of equal versions
    std::function<void()> on_state_change;  // synced or no longer synced
    /// What this node's sessions do, as it is sent; may be empty.
    std::function<void(const sticky::SessionStore::Changes&)> on_changes;
    /// Other parts of lbcore that talk over the link; they outlive the Replicator.
    std::vector<Lane*> lanes = {};
  };

  /// Starts listening or connecting at once (the node with the lower address connects). A port in
  /// use or an unreachable peer is logged, shown in sync() and retried; it never throws for those.
  /// `listener`: of another process that listened at the pair address, or none.
  Replicator(EventLoop& loop, Logger& log, const config::Pair& pair, const PairKeys& keys,
             uint64_t config_hash, Registry& registry, sticky::SessionStore& store, Hooks hooks,
             UniqueFd listener = {});
  ~Replicator();
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  /// For connections from now on; the one there is stays.
  void set_keys(const PairKeys& keys);
  /// The listening socket, or -1.
  [[nodiscard]] int listener() const;
  /// The store has changes: send them.
  void flush();
  /// A lane has something to send: it goes after the current batch of events. From anywhere on the
  /// main thread, as often as you like.
  void wake();
  /// The configuration file is another one now.
  void set_config_hash(uint64_t hash);

  [[nodiscard]] bool synced() const;
  [[nodiscard]] control::Sync sync() const;
  /// The peer's last status and its age; absent before the first.
  struct PeerStatus {
    control::NodeStatus status;
    TimePoint heard{};
  };
  [[nodiscard]] const PeerStatus* peer_status() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hapair::lbcore::replicate
