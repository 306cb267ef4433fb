#include "lbcore/replicate/runtime_lane.h"

#include <utility>

#include "common/units.h"

namespace hapair::lbcore::replicate {

bool RuntimeLane::takes(wire::Frame::BodyCase kind) const {
  return kind == wire::Frame::kRuntimeChanges || kind == wire::Frame::kQuestion ||
         kind == wire::Frame::kAnswer;
}

void RuntimeLane::up(const wire::Hello& /*peers*/, TimePoint now) {
  up_ = true;
  up_since_ = now;
  exchange_.connected(now);
}

void RuntimeLane::down() {
  up_ = false;
  peers_questions_ = 0;
  queue_.clear();
  exchange_.disconnected();
  set_in_step(false);
  for (auto& [number, question] : std::exchange(questions_, {})) {
    question.done(fail("the pair link was lost before the peer's answer: it may be done or not"));
  }
}

void RuntimeLane::ask(const std::string& from, std::string request, Duration patience,
                      TimePoint now, Answered done) {
  if (!up_) return done(fail("the peer cannot be asked"));
  if (request.size() > kMaxQuestionBytes) {
    return done(fail("{} bytes are too many for the pair link, at most {}", request.size(),
                     kMaxQuestionBytes));
  }
  wire::Frame frame;
  wire::Question& question = *frame.mutable_question();
  question.set_number(++last_number_);
  question.set_from(from);
  question.set_request(std::move(request));
  if (questions_.size() >= kMaxQuestions || !queue_.push(std::move(frame))) {
    return done(fail("too many commands wait for the peer's answer: try again"));
  }
  questions_[last_number_] = {
      .done = std::move(done), .until = now + patience, .patience = patience};
}

void RuntimeLane::answer(uint64_t number, std::string reply) {
  if (!up_ || peers_questions_ == 0) return;  // asked over a link that is gone
  --peers_questions_;
  wire::Frame frame;
  frame.mutable_answer()->set_number(number);
  frame.mutable_answer()->set_reply(std::move(reply));
  // The queue has room for every answer that may be owed; one that is too large is not sent, and
  // missed by the peer after its patience.
  static_cast<void>(queue_.push(std::move(frame)));
}

bool RuntimeLane::tick(TimePoint now) {
  update_step(now);
  for (auto at = questions_.begin(); at != questions_.end();) {
    if (now < at->second.until) {
      ++at;
      continue;
    }
    const Question late = std::move(at->second);
    at = questions_.erase(at);
    late.done(fail("the peer has not answered within {}: it may be done or not",
                   format_duration(late.patience)));
  }
  return up_ && exchange_.wants_to_speak(now);
}

Status RuntimeLane::take(const wire::Frame& frame, TimePoint now) {
  if (frame.has_runtime_changes()) {
    const bool changed = exchange_.received(frame.runtime_changes(), hooks_.ours_wins_tie(), now);
    update_step(now);
    if (changed) hooks_.on_records();
    return {};
  }
  if (frame.has_question()) {
    const wire::Question& question = frame.question();
    if (question.request().size() > kMaxQuestionBytes || peers_questions_ >= kMaxOwed) {
      return fail("more questions than are taken");
    }
    ++peers_questions_;
    hooks_.on_question(question.number(), question.from(), question.request());
    return {};
  }
  const auto asked = questions_.find(frame.answer().number());
  if (asked == questions_.end()) return {};  // we have given up on it
  const Question question = std::move(asked->second);
  questions_.erase(asked);
  question.done(frame.answer().reply());
  return {};
}

bool RuntimeLane::next(wire::Frame& frame, TimePoint now) {
  if (auto batch = exchange_.next(now)) {
    *frame.mutable_runtime_changes() = std::move(*batch);
    update_step(now);
    return true;
  }
  return queue_.pop(frame);
}

/// Each change is on its way for a moment: that is no loss of step.
void RuntimeLane::update_step(TimePoint now) {
  if (exchange_.agreed()) {
    agreed_at_ = now;
    set_in_step(true);
  } else if (in_step_ && now - agreed_at_ > kMoment) {
    set_in_step(false);
  }
}

void RuntimeLane::set_in_step(bool in_step) {
  if (std::exchange(in_step_, in_step) != in_step) hooks_.on_in_step();
}

}  // namespace hapair::lbcore::replicate
