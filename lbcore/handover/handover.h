// A handover without loss at work: ties the order of steps (order.h) to vrrpd, to the pair link and
// to the connections. Owned by Balancer; main thread.
//
// The peer's frames, vrrpd's words and what the connections report are events; each is handled on
// its own turn of the loop, in the order in which they came.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "lbcore/handover/connections.h"
#include "lbcore/handover/order.h"
#include "lbcore/replicate/lane.h"

namespace hapair::lbcore::handover {

class Handover : public replicate::Lane {
 public:
  struct Surroundings {
    EventLoop& loop;
    Logger& log;
    Connections& connections;
    std::function<void()> on_word;     // vrrpd is to hear word()
    std::function<void()> on_sending;  // the pair link has something to send
  };
  explicit Handover(Surroundings around);

  void vrrpd_says(Node node);
  /// Something comes that a handover would not survive.
  void abandon(const std::string& reason);

  [[nodiscard]] const role::Handover& word() const { return order_.word(); }
  [[nodiscard]] bool idle() const { return order_.idle(); }
  /// For people; empty while there is none.
  [[nodiscard]] std::string step() const { return order_.step(); }

  struct Counters {
    uint64_t given = 0;
    uint64_t taken = 0;
    uint64_t failed = 0;
    uint64_t connections_given = 0;
    uint64_t connections_taken = 0;
    uint64_t connections_cut = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

  // Lane
  [[nodiscard]] std::string_view feature() const override { return "handover/1"; }
  [[nodiscard]] bool takes(replicate::wire::Frame::BodyCase kind) const override {
    return kind == replicate::wire::Frame::kHandover;
  }
  void up(const replicate::wire::Hello& peers, TimePoint now) override;
  void down() override;
  Status take(const replicate::wire::Frame& frame, TimePoint now) override;
  bool next(replicate::wire::Frame& frame, TimePoint now) override;

 private:
  using Event = std::function<Actions(TimePoint now)>;
  void post(Event event);
  void handle();
  void run(const Actions& actions);

  void execute(const Tell&);
  void execute(const SendFrame& action);
  void execute(const SendImages& action);
  void execute(const Quiesce&);
  void execute(const Resume&);
  void execute(const Freeze& action);
  void execute(const Thaw&);
  void execute(const DiscardFrozen&);
  void execute(const Restore&);
  void execute(const Revive&);
  void execute(const DiscardRestored&);
  void execute(const Ended& ended);

  Status take_images(const wire::Handover& frame);
  bool next_images(wire::Handover& out);

  Surroundings around_;
  Order order_;
  std::deque<Event> events_;
  bool handling_ = false;
  Deadline deadline_;
  Counters counters_;

  // To the peer
  std::deque<wire::Handover> frames_;
  struct Sending {
    uint64_t number = 0;
    std::vector<std::string> images;
    size_t at = 0;       // the image that goes next
    size_t written = 0;  // of it
  };
  std::optional<Sending> sending_;
  std::vector<std::string> frozen_images_;
  size_t open_when_quiet_ = 0;

  // From the peer
  std::vector<std::string> images_;
  size_t image_bytes_ = 0;
  bool unfinished_ = false;

  std::shared_ptr<Handover*> alive_ = std::make_shared<Handover*>(this);
};

}  // namespace hapair::lbcore::handover
