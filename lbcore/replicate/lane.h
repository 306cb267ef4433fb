// A lane: frames of their own kinds over the pair link, beside the session stream, for another part
// of lbcore. What a part needs to use the link:
//
//   - a body (or more) of its own in `Frame`, and where it wants to, fields in `Hello`
//     (replication.proto)
//   - a Lane, passed to Replicator in Hooks::lanes; it outlives the Replicator
//   - Replicator::wake() whenever it has something to send
//
// The lane is up while the peer is connected and knows the lane's feature: a node of an older
// version never meets a frame that it does not understand. Frames of one lane arrive in the order
// in which they were sent, each once, until the link ends; what was on its way then is lost, so a
// lane that must not lose anything begins anew in up().
//
// The link asks for frames when it has room for them (in turn: each lane one, the session stream
// one), so back-pressure is simply not being asked. What waits meanwhile is the lane's to bound;
// LaneQueue does that.
//
// All calls come on the main thread with the protocol on the stack: none of them may call into the
// Replicator (but wake(), which only marks) or block.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>
#include <utility>

#include "common/clock.h"
#include "common/result.h"
#include "lbcore/replicate/replication.pb.h"

namespace hapair::lbcore::replicate {

class Lane {
 public:
  /// A frame is no larger than this, its envelope included; also not what the peer sends.
  static constexpr size_t kMaxFrameBytes = size_t{512} << 10;

  Lane() = default;
  virtual ~Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// As it stands in both hellos: "connections/1". Another number when what the frames mean
  /// changes incompatibly.
  [[nodiscard]] virtual std::string_view feature() const = 0;
  [[nodiscard]] virtual bool takes(wire::Frame::BodyCase kind) const = 0;

  /// What the peer is to know before anything else.
  virtual void greet(wire::Hello& /*ours*/) {}
  virtual void up(const wire::Hello& peers, TimePoint now) = 0;
  virtual void down() = 0;
  /// One frame of the peer's, while up. The answer to a frame that no sane peer sends is an error:
  /// counted, told to the peer as the reason, and the connection ends.
  virtual Status take(const wire::Frame& frame, TimePoint now) = 0;
  /// Fills the body of an empty frame; false when there is nothing to send. While up.
  virtual bool next(wire::Frame& frame, TimePoint now) = 0;
};

/// Frames that wait for room, for lanes that have no better form for what they send.
class LaneQueue {
 public:
  LaneQueue(size_t max_frames, size_t max_bytes) : max_frames_(max_frames), max_bytes_(max_bytes) {}

  /// False when it is full: the frame is not taken.
  [[nodiscard]] bool push(wire::Frame frame) {
    const size_t size = frame.ByteSizeLong();
    if (frames_.size() >= max_frames_ || bytes_ + size > max_bytes_) return false;
    bytes_ += size;
    frames_.push_back(std::move(frame));
    return true;
  }
  /// For Lane::next.
  bool pop(wire::Frame& frame) {
    if (frames_.empty()) return false;
    bytes_ -= frames_.front().ByteSizeLong();
    frame = std::move(frames_.front());
    frames_.pop_front();
    return true;
  }
  void clear() {
    frames_.clear();
    bytes_ = 0;
  }
  [[nodiscard]] size_t size() const { return frames_.size(); }

 private:
  size_t max_frames_;
  size_t max_bytes_;
  size_t bytes_ = 0;
  std::deque<wire::Frame> frames_;
};

}  // namespace hapair::lbcore::replicate
