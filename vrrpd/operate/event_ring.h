// What happened on this node lately, numbered without gaps: what `pairadm events` tells. Pure.
//
// A bounded ring of the latest; who follows them sees in the numbers whether one is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace hapair::vrrp {

struct EventRecord {
  enum class Kind : uint8_t { state, peer, lbcore, config, hook, track, operation };
  uint64_t sequence = 0;  // from 1, for the life of the speaker
  int64_t unix_ms = 0;
  Kind kind = Kind::state;
  std::string router;  // or empty: all of them
  std::string from;    // states; for a change of reason from == to
  std::string to;
  std::string reason;  // or what happened
};
std::string_view name(EventRecord::Kind kind);  // "state", ..., "operator"

class EventRing {
 public:
  static constexpr size_t kRemembered = 256;

  /// Numbers it.
  const EventRecord& add(EventRecord event) {
    event.sequence = ++last_;
    events_.push_back(std::move(event));
    if (events_.size() > kRemembered) events_.pop_front();
    return events_.back();
  }
  /// Oldest first.
  [[nodiscard]] const std::deque<EventRecord>& events() const { return events_; }

 private:
  std::deque<EventRecord> events_;
  uint64_t last_ = 0;
};

}  // namespace hapair::vrrp
