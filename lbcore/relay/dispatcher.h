// Chooses the server of a new connection: the client's session, else the pool's scheduler over the
// servers that are up. One per worker; schedulers keep their position over reloads that leave the
// set of servers alone.
//
// A weight of 0 means what it means in IPVS: no new clients, but a client with a session stays with
// its server until the session ends; ServerAdmin::drain means the same, and so does
// max_connections: a full server is not scheduled, but those with a session still get there. A
// server that is down or disabled gets nobody; its clients are scheduled anew, and their sessions
// follow or wait for its return (OnDown). Backup servers are asked when the scheduler finds nobody
// among the others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/pool_scheduler.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::relay {

class Dispatcher {
 public:
  Dispatcher(sticky::SessionStore& sessions, size_t worker)
      : sessions_(sessions), worker_(worker) {}

  void update(const Topology& topology);

  using Why = relay::Why;
  struct Choice {
    std::shared_ptr<LiveServer> server;  // null: see why
    bool from_session = false;
    Why why = Why::none_up;
    /// The limit that the caller counts against: when the server has so many connections before
    /// this one, another worker was faster, and the caller asks again. 0: no limit.
    uint32_t limit = 0;
  };
  /// The server to try next for this client. Its pool may be gone meanwhile: then none.
  Choice choose(PoolId pool, const IpAddress& client, const Tried& tried, TimePoint now);

  /// The client got through to `server`, which was not its session's: it is now.
  void record(PoolId pool, const IpAddress& client, const LiveServer& server, TimePoint now);

  /// The client has a connection from here until `release`: its session does not expire meanwhile.
  /// False: the pool is not sticky, there is nothing to release.
  bool hold(PoolId pool, const IpAddress& client);
  void release(PoolId pool, const IpAddress& client, TimePoint now);

 private:
  /// Null when the pool is not in the topology.
  [[nodiscard]] const Pool* pool(PoolId id) const;
  static const Server* find(const Pool& pool, ServerId id);

  sticky::SessionStore& sessions_;
  size_t worker_;
  std::vector<std::unique_ptr<PoolScheduler>> pools_;  // by PoolId; null: not in the topology
};

}  // namespace hapair::lbcore::relay
