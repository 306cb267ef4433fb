// Who of one pool may be scheduled at the moment, and whom the pool's scheduler picks among them.
// One per pool and worker; knows nothing of sessions (dispatcher.h does). Pure: time is an
// argument.
//
// The list of candidates is built when it may have changed, not for every connection: a new
// topology, a server that went up or down (Pulse), one that became full or has room again, a step
// of a slow start. Whether a server is full is looked at when it is picked; whether one that is
// full has room again, before every pick.
//
// Backups form a tier of their own with a scheduler of its own, asked when the first tier has
// nobody.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.h"
#include "lbcore/balance/scheduler.h"
#include "lbcore/model/topology.h"

namespace hapair::lbcore::relay {

/// The servers that one connection has tried already.
class Tried {
 public:
  static constexpr size_t kMost = 8;  // [pool] retries is below

  [[nodiscard]] bool none() const { return count_ == 0; }
  [[nodiscard]] uint8_t count() const { return count_; }
  /// Whether one more may be asked, with so many `retries` (PoolRelay).
  [[nodiscard]] bool may_ask(uint32_t retries) const {
    return count_ < std::min<size_t>(size_t{1} + retries, kMost);
  }
  [[nodiscard]] bool contains(ServerId id) const;
  void add(ServerId id) { ids_[count_++] = id; }

 private:
  std::array<ServerId, kMost> ids_{};
  uint8_t count_ = 0;
};

/// Why there is no server. `full`: those that could be asked have max_connections, so waiting may
/// help. `none_up`: nobody is left who is up, of weight above 0 and not tried already.
enum class Why : uint8_t { chosen, full, none_up };

class PoolScheduler {
 public:
  explicit PoolScheduler(size_t worker) : worker_(worker) {}

  /// The schedulers keep their positions when the set of servers stays the same.
  void update(std::shared_ptr<const Pool> pool);
  /// Null before the first update().
  [[nodiscard]] const Pool* pool() const { return pool_.get(); }

  struct Pick {
    const Server* server = nullptr;
    Why why = Why::none_up;
    uint32_t limit = 0;  // see Dispatcher::Choice
  };
  Pick pick(uint64_t source_hash, const Tried& tried, TimePoint now);

 private:
  struct Tier {
    std::unique_ptr<balance::Scheduler> scheduler;  // null: the tier has no servers
    std::vector<size_t> places;                     // of its servers in the pool
    std::vector<balance::Candidate> candidates;     // one for each
  };

  [[nodiscard]] static Tier make_tier(const Pool& pool, bool backups, Tier before, bool keep,
                                      size_t worker);
  void look_again(TimePoint now);
  void look_again(Tier& tier, TimePoint now);
  [[nodiscard]] bool has_room_again() const;
  uint16_t ramp(const LiveServer& live, TimePoint now);
  const Server* pick(Tier& tier, balance::Query query, const Tried& tried);
  [[nodiscard]] uint32_t limit(const ServerSpec& spec) const;

  size_t worker_;
  std::shared_ptr<const Pool> pool_;
  std::array<Tier, 2> tiers_;        // the servers, the backups
  std::optional<uint32_t> seen_;     // beats of the pool's pulse; nothing: the lists are not made
  TimePoint next_step_{};            // of a slow start
  std::vector<const Server*> full_;  // left out for that reason only
  bool whoever_ = false;             // nobody is up, and the policy is to use all
  bool overflowing_ = false;         // the last pick found candidates that are all taken
};

}  // namespace hapair::lbcore::relay
