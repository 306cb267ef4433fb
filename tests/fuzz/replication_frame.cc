// Bytes from the pair link into the replication protocol: framing, parsing, order, entries,
// refusals. The first byte chooses where to begin and what the harness puts right, so that the
// fuzzer reaches behind the checks of epoch and number without having to guess 64 bits:
//   bit 0: the peer has said hello already      bit 1: epochs are corrected
//   bit 2: sequence numbers are corrected       bit 3: we have sessions and changes of our own
//   bit 4: the peer has our lane as well (it takes what no other part knows)
// The rest is a stream of length-prefixed frames.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/framing.h"
#include "lbcore/replicate/protocol.h"
#include "tests/unit/lbcore/replicate/fake_tables.h"

namespace hapair::lbcore::replicate::test {
namespace {

constexpr uint64_t kOwnEpoch = 5;
constexpr uint64_t kPeerEpoch = 9;

/// Aborts when it is called while it is not up; refuses what is long.
class FuzzLane : public Lane {
 public:
  [[nodiscard]] std::string_view feature() const override { return "fuzz/1"; }
  [[nodiscard]] bool takes(wire::Frame::BodyCase kind) const override {
    return kind == wire::Frame::BODY_NOT_SET;
  }
  void up(const wire::Hello&, TimePoint) override {
    if (up_) std::abort();
    up_ = true;
  }
  void down() override {
    if (!up_) std::abort();
    up_ = false;
  }
  Status take(const wire::Frame& frame, TimePoint) override {
    if (!up_ || frame.ByteSizeLong() > kMaxFrameBytes) std::abort();
    if (frame.ByteSizeLong() > 100) return fail("too long");
    (void)queue_.push(frame);  // and back
    return {};
  }
  bool next(wire::Frame& frame, TimePoint) override {
    if (!up_) std::abort();
    return queue_.pop(frame);
  }

 private:
  bool up_ = false;
  LaneQueue queue_{3, 200};
};

class Harness {
 public:
  explicit Harness(uint8_t choices) : choices_(choices) {
    if (on(3)) {
      for (uint32_t i = 0; i < 20; ++i) tables_.put("web", client(i), backend(i % 3));
      tables_.take_changes();
    }
    run(protocol_.connected(now_));
    if (!on(0)) return;
    wire::Frame hello;
    hello.set_epoch(kPeerEpoch);
    hello.mutable_hello()->set_protocol(kProtocolVersion);
    hello.mutable_hello()->set_node("lb2");
    if (on(4)) hello.mutable_hello()->add_features("fuzz/1");
    run(protocol_.received(hello.SerializeAsString(), now_));
  }

  /// False when the connection is gone.
  bool receive(std::string_view payload) {
    now_ += 10ms;
    if (on(3)) {
      ++round_;
      tables_.put("web", client(round_ % 30), backend(round_ % 3));
      if (round_ % 3 == 0) tables_.remove("web", client(round_ % 20));
      const auto list = tables_.take_changes();
      run(protocol_.changes(list, false, nullptr, now_));
    }
    wire::Frame frame;
    if ((on(1) || on(2)) &&
        frame.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      if (on(1)) {
        frame.set_epoch(kPeerEpoch);
        if (frame.has_ack()) frame.mutable_ack()->set_epoch(kOwnEpoch);
      }
      if (on(2) && frame.sequence() != 0) frame.set_sequence(++sequence_);
      run(protocol_.received(frame.SerializeAsString(), now_));
    } else {
      run(protocol_.received(payload, now_));
    }
    run(protocol_.pump(size_t{1} << 16, now_));
    run(protocol_.tick(now_));
    (void)protocol_.state_text();
    (void)protocol_.detail();
    (void)protocol_.features();
    return !dropped_;
  }

 private:
  [[nodiscard]] bool on(int bit) const { return (choices_ >> bit & 1) != 0; }

  void run(const Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* merge = std::get_if<Merge>(&action)) {
        for (const auto& entry : merge->entries) {
          if (entry.session.version == 0 || entry.session.version >= kMaxVersion) std::abort();
          tables_.merge(entry, merge->prefer_ours_on_tie);
        }
      } else if (std::holds_alternative<TakeDigests>(action)) {
        const auto digests = tables_.digests();
        const auto list = tables_.take_changes();
        run(protocol_.changes(list, false, &digests, now_));
      } else if (const auto* send = std::get_if<Send>(&action)) {
        wire::Frame frame;
        if (!frame.ParseFromString(send->payload)) std::abort();
      } else if (std::holds_alternative<Drop>(action)) {
        if (protocol_.state() != State::disconnected) std::abort();
        dropped_ = true;
      }
    }
  }

  uint8_t choices_;
  TimePoint now_{1h};
  uint32_t round_ = 0;
  uint64_t sequence_ = 0;
  bool dropped_ = false;
  FakeTables tables_{{"web", "mail"}};
  FuzzLane lane_;
  Protocol protocol_{{"lb1", "lb2", kOwnEpoch, 42},
                     tables_,
                     [] { return control::NodeStatus(); },
                     Protocol::Timing{},
                     Sender::Limits{.max_queued = 16, .batch = 4, .window = 4},
                     {&lane_}};
};

}  // namespace
}  // namespace hapair::lbcore::replicate::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hapair::lbcore::replicate::test::Harness;
  if (size == 0) return 0;
  Harness harness(data[0]);
  hapair::FrameDecoder decoder(size_t{1} << 20);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  decoder.append({reinterpret_cast<const char*>(data + 1), size - 1});
  for (;;) {
    const auto payload = decoder.next();
    if (!payload || !*payload || !harness.receive(**payload)) return 0;
  }
}
