// Passive ejection of one pool's servers: which of them stand aside, and until when. Pure. The
// shell (passive.h) counts the failures in a row and asks at every tick.
//
// A server that was ejected comes back after its time and starts with no failures; each full
// `eject` time that it then stays in takes one doubling back. What would break a bound is not done:
// the server stays in, "held". When no other server is left for new clients, the ejected one that
// would be back soonest comes back at once.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/clock.h"
#include "lbcore/health/passive_spec.h"

namespace hapair::lbcore::health {

class Ejection {
 public:
  using Id = uint32_t;

  /// A server of the pool as it is now.
  struct Seen {
    Id id = 0;
    uint32_t failures = 0;  // in a row
    bool usable = false;    // would get new clients if it is not ejected
  };
  struct Change {
    enum class What : uint8_t {
      ejected,   // for `time`
      returned,  // its failures count from 0 again
      recalled,  // returned before its time: no other server is left
      held       // it should be ejected, but the pool cannot spare it; said once
    };
    Id id = 0;
    What what = What::ejected;
    Duration time{0};

    friend bool operator==(const Change&, const Change&) = default;
  };
  std::vector<Change> step(const PassiveSpec& spec, std::span<const Seen> servers, TimePoint now);

  [[nodiscard]] bool ejected(Id id) const;

 private:
  struct State {
    bool out = false;
    bool held = false;
    TimePoint until{};  // while it is out
    TimePoint since{};  // in, or since the last doubling was taken back
    uint32_t times = 0;
  };
  void forget_others(std::span<const Seen> servers);
  void come_back(State& state, TimePoint now);

  std::map<Id, State> states_;  // of servers that were ejected, or held
};

}  // namespace hapair::lbcore::health
