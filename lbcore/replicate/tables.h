// What the replication protocol reads: the session tables and the names behind their numbers. The
// protocol changes nothing through it; changes are its actions. Implemented over SessionStore and
// Registry, and by plain maps in tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/topology.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate {

using PoolDigest = sticky::SessionStore::PoolDigest;

struct ServerName {
  PoolId pool = 0;
  Endpoint address;
};

class Tables {
 public:
  virtual ~Tables() = default;

  [[nodiscard]] virtual std::vector<PoolId> pools() const = 0;
  [[nodiscard]] virtual size_t size() const = 0;
  /// See SessionTable::walk.
  virtual std::optional<size_t> walk(PoolId pool, size_t cursor, size_t most, TimePoint now,
                                     std::vector<sticky::Session>& out) const = 0;

  [[nodiscard]] virtual std::string_view pool_name(PoolId pool) const = 0;
  [[nodiscard]] virtual ServerName server_name(ServerId server) const = 0;
  [[nodiscard]] virtual size_t size_of(PoolId) const { return 0; }
  /// The peer begins to send its table of this pool, about so many entries: make room ahead.
  virtual void expect(PoolId, size_t) {}
  /// Our number for a name of the peer's; made when it is new.
  virtual PoolId pool(std::string_view name) = 0;
  virtual ServerId server(PoolId pool, const Endpoint& address) = 0;
};

}  // namespace hapair::lbcore::replicate
