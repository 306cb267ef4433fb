#include "vrrpd/guardian/watch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hapair::vrrp {

namespace {

constexpr int kPeerWaits = 3;            // intervals; what it waits beyond depends on its priority
constexpr Duration kMostPatience = 1s;   // slow or idle routers: nobody may stay blind for long
constexpr Duration kStartWithin = 10s;   // a speaker that holds nothing may take its time
constexpr int kVigilIntervals = 2;       // a peer waits for three and a part of the fourth
constexpr Duration kLeastVigil = 50ms;   // what a busy machine may need to start a process
constexpr Duration kMostVigil = 1s;      // the kernel's lease ends soon after
constexpr Duration kDeathWithin = 10ms;  // of a killed one; a thread may hang in the kernel
constexpr Duration kQuick = 500ms;       // a death this soon after taking over repeats itself
constexpr Duration kOwnLateness = 10ms;  // woken later than that, the guardian itself was asleep
constexpr Duration kSpawnRetry = 10ms;
constexpr Duration kStopWithin = 3s;
constexpr Duration kLongEnough = 10s;    // a speaker that lived that long is replaced at once
constexpr Duration kFirstPause = 100ms;  // else after a pause, doubled each time
constexpr int kDoublings = 6;            // at most 6.4 s

int64_t ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

Duration Watch::patience(Duration fastest) {
  if (fastest == Duration::zero()) return kMostPatience;
  return std::min<Duration>(kPeerWaits * fastest, kMostPatience);
}

Duration Watch::vigil(Duration fastest) {
  return std::clamp<Duration>(kVigilIntervals * fastest, kLeastVigil, kMostVigil);
}

WatchActions Watch::step(const WatchEvent& event, const View& view, TimePoint now) {
  now_ = now;
  view_ = view;
  // Beyond its own deadline: the whole machine stood still, or this process did. Who is judged now
  // was asleep as well, and gets the time that it would have had.
  if (deadline_ && now_ - *deadline_ > kOwnLateness) {
    fresh_from_ = now_;
    if (bury_at_ && speaker_ == Speaker::alive) {
      bury_at_ = std::max(*bury_at_, now_ + vigil(view_.fastest));
    }
  }
  // Now Active, it is measured by another rule than a moment ago.
  if (std::exchange(judged_by_, view_.fastest) != view_.fastest) fresh_from_ = now_;
  if (speaker_ == Speaker::alive && view_.in_place) {
    ever_in_place_ = true;
    bury_at_.reset();
  }
  std::visit([this](const auto& known) { on(known); }, event);
  find_deadline();
  return std::exchange(actions_, {});
}

// --- Events --------------------------------------------------------------------------------------

void Watch::on(const Begin&) {
  spawn({});
}

void Watch::on(const SpawnFailed&) {
  speaker_ = Speaker::none;
  spawn_at_ = now_ + kSpawnRetry;
}

void Watch::on(const SpeakerDied&) {
  const bool lived_short = now_ - spawned_at_ < kLongEnough;
  quick_deaths_ = lived_short ? std::min(quick_deaths_ + 1, kDoublings + 1) : 0;
  const bool was_in_place = view_.in_place;
  const bool again = took_over_ && (!was_in_place || now_ - spawned_at_ < kQuick);
  speaker_ = Speaker::none;
  kill_at_.reset();
  if (stopping_) {
    bury({});  // nothing, had it left as it should
    return;
  }
  if (doomed_ || (again && holding())) {
    bury(doomed_ ? "" : "the speaker died again as it took over");
    pause_then_spawn({});
    return;
  }
  if (holding()) {
    if (!bury_at_) bury_at_ = now_ + vigil(view_.fastest);
    spawn("the VIPs stay");
    return;
  }
  // Before the first one was ever in place, its exit code tells whether another one could be.
  if (ever_in_place_) pause_then_spawn({});
}

void Watch::on(const SpeakerGone& event) {
  if (stopping_) {
    if (speaker_ == Speaker::none) leave(0);
    return;
  }
  if (ever_in_place_ || speaker_ != Speaker::none || spawn_at_) return;
  if (event.cannot_start) return leave(1);  // it has said why; another one would fail alike
  pause_then_spawn({});
}

void Watch::on(const StopAsked&) {
  if (std::exchange(stopping_, true)) return;
  spawn_at_.reset();
  if (speaker_ == Speaker::none) {
    bury({});
    return leave(0);
  }
  kill_at_ = now_ + kStopWithin;
  if (speaker_ == Speaker::alive) act(Verb::terminate);
}

void Watch::on(const TimePassed&) {
  if (kill_at_ && now_ >= *kill_at_) {
    kill_at_.reset();
    kill("does not stop");
  }
  if (bury_at_ && now_ >= *bury_at_) {
    if (speaker_ == Speaker::alive) {
      // First it must be unable to answer; then what it did not take over is taken away.
      doomed_ = true;
      kill("is not in place in time");
      bury_at_ = now_ + kDeathWithin;
    } else {
      bury("nobody is in place in time");
      if (speaker_ == Speaker::killed) doomed_ = true;  // once more when it is dead
    }
  }
  if (spawn_at_ && now_ >= *spawn_at_) {
    spawn_at_.reset();
    spawn({});
  }
  look();
}

// --- The living speaker --------------------------------------------------------------------------

TimePoint Watch::stalled_at() const {
  const TimePoint last = std::max(view_.alive, fresh_from_);
  if (!view_.in_place) return last + std::max(kStartWithin, patience(view_.fastest));
  return last + patience(view_.fastest);
}

void Watch::look() {
  if (speaker_ != Speaker::alive || stopping_) return;
  if (now_ > stalled_at()) {
    const Duration still = now_ - std::max(view_.alive, fresh_from_);
    if (holding() && !bury_at_) bury_at_ = now_ + vigil(view_.fastest);
    kill(fmt::format("stands still for {} ms", ms(still)));
    return;
  }
  const bool renews = view_.in_place && holding();
  if (!renews) {
    renew_at_.reset();
  } else if (!renew_at_ || now_ >= *renew_at_) {
    renew_at_ = now_ + kLeaseRenewal;
    act(Verb::renew);
  }
}

void Watch::find_deadline() {
  deadline_.reset();
  const auto consider = [this](std::optional<TimePoint> at) {
    if (at && (!deadline_ || *at < *deadline_)) deadline_ = at;
  };
  consider(spawn_at_);
  consider(bury_at_);
  consider(kill_at_);
  if (speaker_ != Speaker::alive || stopping_) return;
  // A router may become Active between two looks: not later than the lease asks for.
  consider(renew_at_ ? *renew_at_ : now_ + kLeaseRenewal);
  consider(stalled_at() + 1ns);
}

// --- What is done --------------------------------------------------------------------------------

void Watch::spawn(std::string why) {
  spawn_at_.reset();
  speaker_ = Speaker::alive;
  took_over_ = holding();
  doomed_ = false;
  spawned_at_ = now_;
  fresh_from_ = now_;
  view_.in_place = false;
  renew_at_.reset();
  act(Verb::spawn, std::move(why));
}

void Watch::kill(std::string why) {
  if (speaker_ != Speaker::alive) return;
  speaker_ = Speaker::killed;
  act(Verb::kill, std::move(why));
}

void Watch::bury(std::string why) {
  bury_at_.reset();
  view_.fastest = Duration::zero();
  act(Verb::bury, std::move(why));
}

void Watch::pause_then_spawn(std::string why) {
  const Duration pause =
      quick_deaths_ == 0 ? Duration::zero() : kFirstPause * (1 << (quick_deaths_ - 1));
  if (pause == Duration::zero()) return spawn(std::move(why));
  spawn_at_ = now_ + pause;
}

}  // namespace hapair::vrrp
