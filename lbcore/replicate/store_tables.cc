#include "lbcore/replicate/store_tables.h"

#include <cassert>

namespace hapair::lbcore::replicate {

std::string_view StoreTables::pool_name(PoolId pool) const {
  const std::string* const name = registry_.pool_name(pool);
  return name == nullptr ? std::string_view() : *name;
}

ServerName StoreTables::server_name(ServerId server) const {
  const auto live = registry_.find(server);
  assert(live != nullptr && "sessions name servers that the registry made");
  if (live == nullptr) return {};
  return {registry_.pool(live->pool), live->address};
}

ServerId StoreTables::server(PoolId pool, const Endpoint& address) {
  return registry_.server(std::string(pool_name(pool)), address)->id;
}

}  // namespace hapair::lbcore::replicate
