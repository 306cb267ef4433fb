// Chooses the server of a new connection: the client's session, else the pool's scheduler over the
// servers that are up. One per worker; schedulers keep their position over reloads that leave the
// set of servers alone.
//
// A weight of 0 means what it means in IPVS: no new clients, but a client with a session stays with
// its server until the session ends; ServerAdmin::drain means the same. A server that is down or
// disabled gets nobody; its clients are scheduled anew.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/balance/scheduler.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::relay {

/// The servers that one connection has tried already.
class Tried {
 public:
  static constexpr size_t kMost = 4;  // then the client is let down

  [[nodiscard]] bool none() const { return count_ == 0; }
  [[nodiscard]] bool full() const { return count_ == kMost; }
  [[nodiscard]] bool contains(ServerId id) const;
  void add(ServerId id) { ids_[count_++] = id; }

 private:
  std::array<ServerId, kMost> ids_{};
  uint8_t count_ = 0;
};

class Dispatcher {
 public:
  Dispatcher(sticky::SessionStore& sessions, size_t worker)
      : sessions_(sessions), worker_(worker) {}

  void update(const Topology& topology);

  struct Choice {
    std::shared_ptr<LiveServer> server;  // null: none is left
    bool from_session = false;
  };
  /// The server to try next for this client. Its pool may be gone meanwhile: then none.
  Choice choose(PoolId pool, const IpAddress& client, const Tried& tried, TimePoint now);

  /// The client got through to `server`, which was not its session's: it is now.
  void record(PoolId pool, const IpAddress& client, const LiveServer& server, TimePoint now);

 private:
  struct State {
    std::shared_ptr<const Pool> pool;  // null: not in the topology
    std::unique_ptr<balance::Scheduler> scheduler;
  };
  static const Server* find(const Pool& pool, ServerId id);

  sticky::SessionStore& sessions_;
  size_t worker_;
  std::vector<State> states_;                   // by PoolId
  std::vector<balance::Candidate> candidates_;  // scratch
};

}  // namespace hapair::lbcore::relay
