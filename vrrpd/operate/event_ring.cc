#include "vrrpd/operate/event_ring.h"

namespace hapair::vrrp {

std::string_view name(EventRecord::Kind kind) {
  switch (kind) {
    case EventRecord::Kind::state:
      return "state";
    case EventRecord::Kind::peer:
      return "peer";
    case EventRecord::Kind::lbcore:
      return "lbcore";
    case EventRecord::Kind::config:
      return "config";
    case EventRecord::Kind::hook:
      return "hook";
    case EventRecord::Kind::track:
      return "track";
    case EventRecord::Kind::operation:
      return "operator";
  }
  return "unknown";
}

}  // namespace hapair::vrrp
