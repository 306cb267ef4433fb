// Who waits for a place at the servers of a pool, in the order in which they came. One per worker.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "lbcore/model/topology.h"

namespace hapair::lbcore::relay {

class Connection;

class WaitQueue {
 public:
  using Line = std::list<Connection*>;
  using Place = Line::iterator;

  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] size_t waiting(PoolId pool) const {
    const auto found = lines_.find(pool);
    return found == lines_.end() ? 0 : found->second.size();
  }
  Place join(PoolId pool, Connection& connection) {
    Line& line = lines_[pool];
    return line.insert(line.end(), &connection);
  }
  void leave(PoolId pool, Place place) {
    const auto found = lines_.find(pool);
    found->second.erase(place);
    if (found->second.empty()) lines_.erase(found);
  }
  /// Who has waited for longest, or null.
  [[nodiscard]] Connection* first(PoolId pool) const {
    const auto found = lines_.find(pool);
    return found == lines_.end() ? nullptr : found->second.front();
  }
  /// The first pool from `pool` on that somebody waits for.
  [[nodiscard]] const PoolId* next(PoolId pool) const {
    const auto found = lines_.lower_bound(pool);
    return found == lines_.end() ? nullptr : &found->first;
  }

 private:
  std::map<PoolId, Line> lines_;  // none is empty
};

}  // namespace hapair::lbcore::relay
