// Chooses the server of a new connection: the client's session, else the pool's scheduler over the
// servers that are up. One per worker; schedulers keep their position over reloads that leave the
// set of servers alone.
//
// A weight of 0 means what it means in IPVS: no new clients, but a client with a session stays with
// its server until the session ends; ServerAdmin::drain means the same, and so does
// max_connections: a full server is not scheduled, but those with a session still get there. A
// server that is down or disabled gets nobody; its clients are scheduled anew. Backup servers are
// asked when the scheduler finds nobody among the others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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
  [[nodiscard]] uint8_t count() const { return count_; }
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

  /// Why there is no server. `full`: those that could be asked have max_connections, so waiting may
  /// help. `none_up`: nobody is left who is up, of weight above 0 and not tried already.
  enum class Why : uint8_t { chosen, full, none_up };
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

 private:
  struct State {
    std::shared_ptr<const Pool> pool;  // null: not in the topology
    std::unique_ptr<balance::Scheduler> scheduler;
  };
  static const Server* find(const Pool& pool, ServerId id);
  std::optional<size_t> schedule(State& state, const IpAddress& client, const Tried& tried,
                                 bool backups, bool& some_full);

  sticky::SessionStore& sessions_;
  size_t worker_;
  std::vector<State> states_;                   // by PoolId
  std::vector<balance::Candidate> candidates_;  // scratch
};

}  // namespace hapair::lbcore::relay
