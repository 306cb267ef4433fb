// Tables over the real thing: SessionStore for the sessions, Registry for the names. Main thread.
#pragma once

#include "lbcore/model/topology.h"
#include "lbcore/replicate/tables.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate {

class StoreTables : public Tables {
 public:
  StoreTables(Registry& registry, sticky::SessionStore& store)
      : registry_(registry), store_(store) {}

  [[nodiscard]] std::vector<PoolId> pools() const override { return store_.pools(); }
  [[nodiscard]] size_t size() const override { return store_.size(); }
  std::optional<size_t> walk(PoolId pool, size_t cursor, size_t most, TimePoint now,
                             std::vector<sticky::Session>& out) const override {
    return store_.walk(pool, cursor, most, now, out);
  }
  [[nodiscard]] std::string_view pool_name(PoolId pool) const override;
  [[nodiscard]] ServerName server_name(ServerId server) const override;
  [[nodiscard]] size_t size_of(PoolId pool) const override { return store_.size(pool); }
  void expect(PoolId pool, size_t entries) override { store_.expect(pool, entries); }
  PoolId pool(std::string_view name) override { return registry_.pool(std::string(name)); }
  ServerId server(PoolId pool, const Endpoint& address) override;

 private:
  Registry& registry_;
  sticky::SessionStore& store_;
};

}  // namespace hapair::lbcore::replicate
