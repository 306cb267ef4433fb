// The clients (and servers) whose connections died with the peer are told so at once, also those
// that only wait to receive. While both nodes live, each one knows the ends of the TCP connections
// that the other one has open (exchange.h). When an address of theirs is held here, they are dead
// wherever the peer is, unless they live here now: each end is sent a segment whose answer the
// kernel turns into a reset (segment.h), a few times (reset_queue.h), and so many at a time.
//
// It needs no word about what happened to the peer. A node that does not hold the address sends
// nothing; one that does hold it is where the answer arrives, and only a connection that is not
// there is reset. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/schema/control.pb.h"
#include "lbcore/orphans/exchange.h"
#include "lbcore/orphans/raw_sender.h"
#include "lbcore/orphans/reset_queue.h"

namespace hapair::lbcore::orphans {

class Orphans {
 public:
  /// `wake`: the lane has something to send.
  Orphans(EventLoop& loop, Logger& log, std::function<void()> wake);

  [[nodiscard]] replicate::Lane& lane() { return lane_; }
  /// This node's own connections.
  void tell(std::span<const Change> changes);
  /// The floating addresses that this node holds now, all of them.
  void hold(std::vector<IpAddress> addresses);
  [[nodiscard]] control::Orphans report() const;

 private:
  /// The exchange, and a look at what the peer has said.
  class Heard final : public replicate::Lane {
   public:
    explicit Heard(Orphans& owner) : owner_(owner) {}
    [[nodiscard]] std::string_view feature() const override { return owner_.exchange_.feature(); }
    [[nodiscard]] bool takes(replicate::wire::Frame::BodyCase kind) const override {
      return owner_.exchange_.takes(kind);
    }
    void up(const replicate::wire::Hello& peers, TimePoint now) override {
      owner_.exchange_.up(peers, now);
    }
    void down() override { owner_.exchange_.down(); }
    Status take(const replicate::wire::Frame& frame, TimePoint now) override;
    bool next(replicate::wire::Frame& frame, TimePoint now) override {
      return owner_.exchange_.next(frame, now);
    }

   private:
    Orphans& owner_;
  };

  void look();
  void send_some();

  EventLoop& loop_;
  Logger& log_;
  std::function<void()> wake_;
  Exchange exchange_;
  Heard lane_{*this};
  std::vector<IpAddress> held_;
  ResetQueue queue_;
  RawSender sender_;
  Deadline next_;
  uint64_t told_ = 0;      // ends that were sent their first segment
  uint64_t told_now_ = 0;  // of these, not in the log yet
  uint64_t not_told_ = 0;  // that could not be, or found no room
  RateLimit trouble_lines_{1, 10s};
};

}  // namespace hapair::lbcore::orphans
