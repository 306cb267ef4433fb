// What the two nodes tell each other of their open TCP connections, as a lane of the pair link
// (replicate/lane.h): should one of them die, the other one knows whom to tell. Pure.
//
// Each node tells its own: all of them when the link comes up, then each one that opens or ends. A
// link that breaks leaves what was heard as it is: that is what it is for. The next life of the
// peer says everything anew. Opening twice and ending what never was are no mistakes, so a
// snapshot and the changes during it need no numbers: what is sent of the snapshot is true at that
// moment, and every change goes out after it happened.
//
// Bounds, with what becomes of the rest: kMost connections are known of each node, others are left
// out (counted) and learn of a crash from their own timeouts. Of kMostWaiting changes that wait for
// room none is sent: all is said anew (counted).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "lbcore/orphans/ends.h"
#include "lbcore/orphans/ends_set.h"
#include "lbcore/replicate/lane.h"

namespace hapair::lbcore::orphans {

class Exchange final : public replicate::Lane {
 public:
  struct Limits {
    size_t most = 1'000'000;
    size_t most_waiting = size_t{1} << 16;
  };
  Exchange() : Exchange(Limits{}) {}
  explicit Exchange(Limits limits) : limits_(limits), own_(limits.most), peers_(limits.most) {}

  // ---- this node's own
  void tell(std::span<const Change> changes);
  /// Whether there is something to send.
  [[nodiscard]] bool waits() const { return up_ && (begins_ || asks_ || !waiting_.empty()); }
  [[nodiscard]] bool holds(const Ends& ends) const { return own_.contains(ends); }

  // ---- the peer's
  /// Takes those out whose own address is `wanted`: it is ours now.
  std::vector<Ends> take_dead(const std::function<bool(const IpAddress& ours)>& wanted) {
    return peers_.take(wanted);
  }
  [[nodiscard]] size_t known() const { return peers_.size(); }
  /// What was taken out may live on at the peer after all: it is to say everything anew.
  void ask() { asks_ = up_; }

  struct Counters {
    uint64_t left_out = 0;  // connections of either node that found no room
    uint64_t anew = 0;      // times that too many changes waited
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

  // ---- Lane
  [[nodiscard]] std::string_view feature() const override { return "open-connections/1"; }
  [[nodiscard]] bool takes(replicate::wire::Frame::BodyCase kind) const override;
  void up(const replicate::wire::Hello& peers, TimePoint now) override;
  void down() override;
  Status take(const replicate::wire::Frame& frame, TimePoint now) override;
  bool next(replicate::wire::Frame& frame, TimePoint now) override;

 private:
  void begin();
  void forget_waiting();

  Limits limits_;
  EndsSet own_;
  EndsSet peers_;
  bool up_ = false;
  bool begins_ = false;         // the next frame says that all is said anew
  bool asks_ = false;           // and this one, that the peer should do so
  std::vector<Ends> snapshot_;  // what of it is not sent yet, from the back
  std::vector<Change> waiting_;
  size_t sent_ = 0;  // of waiting_
  Counters counters_;
};

}  // namespace hapair::lbcore::orphans
