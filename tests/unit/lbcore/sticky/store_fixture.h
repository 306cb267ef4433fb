// A store with two sticky pools and one that is not, wired to servers without a Registry.
#pragma once

#include <atomic>
#include <map>
#include <memory>

#include "lbcore/sticky/session_store.h"
#include "tests/unit/lbcore/sticky/fixture.h"

namespace hapair::lbcore::sticky {

inline constexpr PoolId kWeb = 0;
inline constexpr PoolId kMail = 1;
inline constexpr PoolId kPlain = 2;  // not sticky

struct StoreFixture {
  explicit StoreFixture(size_t max_sessions = 1U << 20) : max_sessions_(max_sessions) {}

  /// Servers 0 to 4 belong to web, 10 and 11 to mail; 5 is in no configuration.
  std::map<ServerId, std::shared_ptr<LiveServer>> servers = [] {
    std::map<ServerId, std::shared_ptr<LiveServer>> out;
    for (const ServerId id : {0, 1, 2, 3, 4, 5, 10, 11}) out[id] = make_server(id);
    return out;
  }();

  [[nodiscard]] std::shared_ptr<const Pool> make_pool(PoolId id, StickySpec sticky,
                                                      const std::vector<ServerId>& members) const {
    auto pool = std::make_shared<Pool>();
    pool->id = id;
    pool->spec.name = "pool" + std::to_string(id);
    pool->spec.sticky = sticky;
    for (const ServerId member : members) pool->servers.push_back({{}, servers.at(member)});
    return pool;
  }
  [[nodiscard]] Topology topology() const {
    Topology out;
    out.pools = {make_pool(kWeb, {.timeout = 10s}, {0, 1, 2, 3, 4}),
                 make_pool(kMail, {.timeout = 60s, .prefix_v4 = 24, .prefix_v6 = 64}, {10, 11}),
                 make_pool(kPlain, {}, {})};
    return out;
  }

 private:
  size_t max_sessions_;

 public:
  std::atomic<int> wakes{0};
  SessionStore store{[this](ServerId id) {
                       const auto found = servers.find(id);
                       return found == servers.end() ? nullptr : found->second;
                     },
                     max_sessions_, [this] { ++wakes; }};
};

}  // namespace hapair::lbcore::sticky
