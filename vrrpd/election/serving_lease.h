// Whether lbcore serves, as far as vrrpd may believe it: its word counts only while its lease runs,
// so that a hung lbcore is a dead lbcore. Pure; `role_link` feeds it and turns its changes into
// events.
#pragma once

#include <string>

#include "common/clock.h"

namespace hapair::vrrp {

class ServingLease {
 public:
  struct Word {
    bool serving = false;
    std::string reason;  // why not
    Duration lease{0};
    bool in_sync = false;
    bool hands_over = false;  // it can move connections to the peer
  };

  /// lbcore said something: its lease begins anew.
  void renew(const Word& word, TimePoint now) {
    connected_ = true;
    lapsed_ = false;
    word_ = word;
    lapses_at_ = now + word.lease;
  }
  /// The socket closed: the process is gone, whatever its lease said.
  void disconnect() { *this = ServingLease{}; }
  /// Call at lapses_at() or later.
  void check(TimePoint now) { lapsed_ = connected_ && now >= lapses_at_; }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool serving() const { return connected_ && !lapsed_ && word_.serving; }
  [[nodiscard]] bool in_sync() const { return serving() && word_.in_sync; }
  [[nodiscard]] bool hands_over() const { return serving() && word_.hands_over; }
  [[nodiscard]] TimePoint lapses_at() const { return lapses_at_; }
  /// Why it does not serve; empty when it does.
  [[nodiscard]] std::string trouble() const {
    if (!connected_) return "it is not running";
    if (lapsed_) return "it does not answer";
    if (!word_.serving) return word_.reason.empty() ? "it gave no reason" : word_.reason;
    return {};
  }

 private:
  bool connected_ = false;
  bool lapsed_ = false;
  Word word_;
  TimePoint lapses_at_;
};

}  // namespace hapair::vrrp
