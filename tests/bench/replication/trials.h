// One trial of each row, for us and for HAProxy.
#pragma once

#include <functional>
#include <string_view>

#include "common/log.h"

namespace hapair::test::bench {

/// Takes one figure; the name is a row of the table.
using Note = std::function<void(std::string_view row, double value)>;

struct Trial {
  std::string_view name;
  void (*of)(Logger&, const Note&);
  bool haproxy = false;
};

/// From a session's making on one node until the other one has it: one at a time, and amid 50,000
/// new ones per second.
void own_latency(Logger& log, const Note& note);
void haproxy_latency(Logger& log, const Note& note);
void own_busy(Logger& log, const Note& note);
/// As many as the peer takes.
void own_rate(Logger& log, const Note& note);
void haproxy_rate(Logger& log, const Note& note);
/// A million sessions on one node, the other one starts: until it has all of them. The real
/// programs. And what a session costs in memory.
void own_resync(Logger& log, const Note& note);
void haproxy_resync(Logger& log, const Note& note);
/// What a worker waits for a look at the table while the peer's million are merged into it, or read
/// from it.
void own_contention(Logger& log, const Note& note);
/// The real lbcore relays 5,000 new clients per second, its peer comes up empty, it is killed.
void own_relayed(Logger& log, const Note& note);

}  // namespace hapair::test::bench
