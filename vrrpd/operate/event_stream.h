// The events of this node, to those who asked for them: what is remembered at once, and to
// followers everything from then on. A follower that does not read is told so and cut off: its
// queue has a bound. Used by `speaker`, on its loop.
#pragma once

#include <set>
#include <string>

#include "common/control_socket.h"
#include "vrrpd/operate/event_ring.h"

namespace hapair::vrrp {

class EventStream {
 public:
  static constexpr size_t kMostQueuedBytes = size_t{256} << 10;  // of one follower

  explicit EventStream(ControlServer& server) : server_(server) {}

  /// Numbers, stamps, remembers and tells it.
  void add(EventRecord event);
  /// Answers a request for events.
  void begin(ControlConnection& to, bool follow);
  /// The connection is gone.
  void forget(ControlConnection::Id id) { followers_.erase(id); }

 private:
  ControlServer& server_;
  EventRing ring_;
  std::set<ControlConnection::Id> followers_;
};

}  // namespace hapair::vrrp
