// The lane of what operators change at run time: the pair's runtime changes (record_exchange.h),
// and commands that this node passes on to the peer, with its answers. One lane, so that an answer
// never overtakes the change that it is about. Pure. Owned by Balancer, driven by Protocol.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "lbcore/replicate/lane.h"
#include "lbcore/replicate/record_exchange.h"

namespace hapair::lbcore::replicate {

class RuntimeLane final : public Lane {
 public:
  using Answered = std::function<void(Result<std::string> reply)>;
  /// None of them may change anything before the lane's caller is off the stack.
  struct Hooks {
    std::function<bool()> ours_wins_tie;
    std::function<void()> on_records;  // the peer's have changed ours
    std::function<void()> on_in_step;  // in_step() is another now
    /// `answer` with the question's number, now or later.
    std::function<void(uint64_t number, const std::string& from, const std::string& request)>
        on_question;
  };
  static constexpr Duration kMoment = 1s;
  static constexpr size_t kMaxQuestionBytes = size_t{400} << 10;
  static constexpr size_t kMaxQuestions = 16;  // that wait for the peer, at a time
  static constexpr size_t kMaxOwed =
      4 * kMaxQuestions;  // of the peer's: it may have given up on some

  RuntimeLane(RuntimeRecords& records, Hooks hooks, TimePoint now)
      : exchange_(records, now), hooks_(std::move(hooks)) {}

  // For the balancer; Replicator::wake() afterwards.
  void changed(const std::vector<RuntimeRecord>& records) { exchange_.changed(records); }
  /// Not a newcomer, although the process is new.
  void settle() { exchange_.settle(); }
  /// `done` once, from here, take(), down() or tick().
  void ask(const std::string& from, std::string request, Duration patience, TimePoint now,
           Answered done);
  void answer(uint64_t number, std::string reply);
  /// Now and then: gives up on answers; whether there is something to send.
  bool tick(TimePoint now);

  [[nodiscard]] bool is_up() const { return up_; }
  [[nodiscard]] TimePoint up_since() const { return up_since_; }
  /// Both nodes have the same changes, or they are on their way since a moment ago.
  [[nodiscard]] bool in_step() const { return in_step_; }

  // Lane.
  [[nodiscard]] std::string_view feature() const override { return "runtime/1"; }
  [[nodiscard]] bool takes(wire::Frame::BodyCase kind) const override;
  void up(const wire::Hello& peers, TimePoint now) override;
  void down() override;
  Status take(const wire::Frame& frame, TimePoint now) override;
  bool next(wire::Frame& frame, TimePoint now) override;

 private:
  struct Question {
    Answered done;
    TimePoint until{};
    Duration patience{};
  };

  void update_step(TimePoint now);
  void set_in_step(bool in_step);

  RecordExchange exchange_;
  Hooks hooks_;
  bool up_ = false;
  bool in_step_ = false;
  TimePoint agreed_at_{};
  TimePoint up_since_{};
  uint64_t last_number_ = 0;
  std::map<uint64_t, Question> questions_;  // ours, by number
  size_t peers_questions_ = 0;              // not answered yet
  LaneQueue queue_{kMaxQuestions + kMaxOwed, size_t{16} << 20};
};

}  // namespace hapair::lbcore::replicate
