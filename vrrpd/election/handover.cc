#include "vrrpd/election/handover.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hapair::vrrp {

namespace {

uint64_t micros(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(0, duration / 1us));
}

template <typename Predicate>
bool all_are(const Handover::Routers& routers, Predicate predicate) {
  return std::all_of(routers.begin(), routers.end(), predicate);
}

template <typename Predicate>
bool any_is(const Handover::Routers& routers, Predicate predicate) {
  return std::any_of(routers.begin(), routers.end(), predicate);
}

bool is_active(const Handover::Router& router) {
  return router.role == Role::active;
}

}  // namespace

// --- Small things --------------------------------------------------------------------------------

bool Handover::includes(const std::string& router) const {
  return std::find(routers_.begin(), routers_.end(), router) != routers_.end();
}

std::optional<TimePoint> Handover::deadline() const {
  return phase_ == Phase::none ? std::nullopt : std::optional(deadline_);
}

Handover::Orders Handover::to_all(const Event& event) const {
  Orders out;
  for (const std::string& router : routers_) out.push_back({router, event});
  return out;
}

/// Those that take part; one that is gone from the configuration is in Initialize.
Handover::Routers Handover::of(const Routers& all) const {
  Routers out;
  for (const std::string& name : routers_) {
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const Router& router) { return router.name == name; });
    out.push_back(at != all.end() ? *at : Router{.name = name});
  }
  return out;
}

void Handover::say(role::Handover::Step step, const std::string& reason) {
  word_.set_step(step);
  word_.set_reason(reason);
}

void Handover::enter(Phase phase, std::string step, Duration most, TimePoint now) {
  phase_ = phase;
  deadline_ = now + most;
  if (report_) report_->step = std::move(step);
}

void Handover::finish(bool failed, std::string step, std::string reason, TimePoint now) {
  phase_ = Phase::none;
  if (!report_ || report_->finished) return;
  report_->finished = true;
  report_->failed = failed;
  report_->step = std::move(step);
  report_->reason = std::move(reason);
  report_->ended = now;
}

// --- Giving --------------------------------------------------------------------------------------

Handover::Orders Handover::begin(uint64_t number, const Routers& which, std::string reason,
                                 TimePoint now) {
  reason_ = std::move(reason);
  routers_.clear();
  word_.Clear();
  word_.set_number(number);
  for (const Router& router : which) {
    routers_.push_back(router.name);
    word_.add_routers(router.name);
    for (const std::string& address : router.addresses) word_.add_addresses(address);
  }
  say(role::Handover::PREPARE);
  report_ = Report{.number = number, .routers = routers_, .to_peer = true, .began = now};
  enter(Phase::preparing, "preparing", kPrepareMost, now);
  return {};
}

Handover::Orders Handover::heard(const role::Handover* word, const Routers& all, TimePoint now) {
  if (word == nullptr || word->step() == role::Handover::NONE) {
    // Nothing is under way there: what was said last has been understood.
    const bool last = phase_ == Phase::none;
    if (last) word_.Clear();
    return {};
  }
  if (word->step() == role::Handover::ASK) return asked(*word, all, now);
  if (phase_ == Phase::none) return heard_idle(*word, all, now);
  if (word->number() != word_.number()) return {};
  const bool giving =
      phase_ == Phase::preparing || phase_ == Phase::released || phase_ == Phase::given;
  return giving ? heard_giving(*word, all, now) : heard_taking(*word, all, now);
}

/// A word that ends something, to a speaker that knows nothing of it: the one before it died.
Handover::Orders Handover::heard_idle(const role::Handover& word, const Routers& all, TimePoint) {
  const auto step = word.step();
  const bool back = step == role::Handover::TAKE_BACK;
  if (word.number() == word_.number() && word_.step() != role::Handover::NONE) return {};
  Orders out;
  word_.Clear();
  if (back || step == role::Handover::TAKEN) {
    bool any = false;
    for (const Router& router : all) {
      any = any || is_active(router);
      if (!router.away) continue;
      const Event event = back ? Event(Reclaim{"takes its VIPs back: " + word.reason()})
                               : Event(Given{"handed over: the peer is Active"});
      out.push_back({router.name, event});
    }
    say(back && any ? role::Handover::HELD : role::Handover::GIVEN);
  } else if (step == role::Handover::PLAIN) {
    say(role::Handover::HELD);
  } else if (step == role::Handover::STOP || step == role::Handover::TAKE ||
             step == role::Handover::ADOPT) {
    say(role::Handover::DROPPED);
  } else {
    return out;
  }
  word_.set_number(word.number());
  return out;
}

Handover::Orders Handover::heard_giving(const role::Handover& word, const Routers& all,
                                        TimePoint now) {
  switch (word.step()) {
    case role::Handover::RELEASE:
      if (phase_ != Phase::preparing) return {};
      enter(Phase::released, "moving the connections", kAwayMost, now);
      released_ = now;
      say(role::Handover::RELEASED);
      return to_all(Release{now + kAwayMost});
    case role::Handover::PLAIN: {
      if (phase_ != Phase::preparing) return {};
      report_->moved = word.moved();
      say(role::Handover::GIVEN);
      finish(false, "done", "no connection was moved: " + word.reason(), now);
      return to_all(HandOver{reason_});
    }
    case role::Handover::TAKE_BACK:
      return take_back(all, word.reason(), now);
    case role::Handover::TAKEN: {
      if (phase_ == Phase::preparing) return {};
      report_->moved = word.moved();
      if (phase_ == Phase::released) report_->moved.set_dark_us(micros(now - released_));
      say(role::Handover::GIVEN);
      finish(false, "done", {}, now);
      return to_all(Given{reason_ + ": the peer is Active"});
    }
    default:
      return {};
  }
}

/// Whatever of it is here still.
Handover::Orders Handover::take_back(const Routers& all, const std::string& reason, TimePoint now) {
  const bool any = any_is(of(all), is_active);
  say(any ? role::Handover::HELD : role::Handover::GIVEN);
  finish(any, any ? "taken back" : "done", reason, now);
  return any ? to_all(Reclaim{"takes its VIPs back: " + reason}) : Orders{};
}

Handover::Orders Handover::settle_giving(const Routers& all, TimePoint now) {
  const Routers mine = of(all);
  if (phase_ == Phase::preparing) {
    if (all_are(mine, is_active)) return {};
    return take_back(all, "it is not Active any more", now);
  }
  if (phase_ == Phase::given || all_are(mine, [](const Router& one) { return one.away; })) {
    return {};
  }
  const auto holds = [](const Router& one) { return is_active(one) && !one.away; };
  const auto left_out = [](const Router& one) { return one.role == Role::initialize; };
  if (any_is(mine, holds) || any_is(mine, left_out)) {
    return take_back(all, "one of the routers could not wait for it", now);
  }
  // The new Active was heard before lbcore said so.
  Orders out;
  for (const Router& one : mine) {
    if (one.away) out.push_back({one.name, Given{reason_ + ": the peer is Active"}});
  }
  report_->moved.set_dark_us(micros(now - released_));
  say(role::Handover::GIVEN);
  enter(Phase::given, "the peer is Active", kReportMost, now);
  return out;
}

// --- Taking --------------------------------------------------------------------------------------

Handover::Orders Handover::asked(const role::Handover& word, const Routers& all, TimePoint now) {
  if (word.number() == word_.number() && word_.step() != role::Handover::NONE) return {};
  Orders out;
  if (phase_ == Phase::asked || phase_ == Phase::adopting) {
    out = drop(all, "another handover begins", now);  // the peer began anew
  }
  const bool busy = phase_ != Phase::none;
  if (busy) return out;
  word_.Clear();
  word_.set_number(word.number());
  routers_.assign(word.routers().begin(), word.routers().end());
  std::string why = routers_.empty() ? "no router is named" : "";
  for (const Router& one : of(all)) {
    if (!why.empty()) break;
    if (!one.trouble.empty()) {
      why = fmt::format("{}: {}", one.name, one.trouble);
    } else if (one.role != Role::backup) {
      why = fmt::format("{} is {}", one.name, name(one.role));
    }
  }
  if (!why.empty()) {
    say(role::Handover::UNABLE, why);
    return out;
  }
  report_ = Report{.number = word.number(), .routers = routers_, .began = now};
  asked_ = now;
  say(role::Handover::READY);
  enter(Phase::asked, "ready", kPrepareMost, now);
  return out;
}

Handover::Orders Handover::heard_taking(const role::Handover& word, const Routers& all,
                                        TimePoint now) {
  switch (word.step()) {
    case role::Handover::ADOPT:
      if (phase_ != Phase::asked) return {};
      if (now >= asked_ + kAdoptMost) return drop(all, "it was not finished in time", now);
      enter(Phase::adopting, "moving the connections", asked_ + kAdoptMost - now, now);
      return to_all(Adopt{deadline_});
    case role::Handover::TAKE:
      if (phase_ != Phase::adopting) return {};
      report_->moved = word.moved();
      enter(Phase::taking, "takes over", kReportMost, now);
      return to_all(TakeRole{"handed over by the peer, with its connections"});
    case role::Handover::STOP:
      return drop(all, word.reason(), now);
    default:
      return {};
  }
}

Handover::Orders Handover::drop(const Routers& all, const std::string& reason, TimePoint now) {
  // Who has become Active stays it.
  const bool active = !routers_.empty() && all_are(of(all), is_active);
  say(active ? role::Handover::ACTIVE : role::Handover::DROPPED, reason);
  finish(!active, active ? "done" : "given up", reason, now);
  return to_all(Unadopt{"follows again: " + reason});
}

Handover::Orders Handover::settle_taking(const Routers& all, TimePoint now) {
  const Routers mine = of(all);
  if (phase_ == Phase::asked) return {};
  if (all_are(mine, is_active)) {
    // Told to, or because the other node fell silent: lbcore knows which.
    say(role::Handover::ACTIVE);
    if (phase_ == Phase::taking) finish(false, "done", {}, now);
    return {};
  }
  const auto out = [](const Router& one) { return !is_active(one) && !one.adopting; };
  if (any_is(mine, out)) return drop(all, "a router could not keep the VIPs", now);
  const auto here = [](const Router& one) { return is_active(one) || one.adopted; };
  if (phase_ == Phase::adopting && all_are(mine, here)) say(role::Handover::ADOPTED);
  return {};
}

// --- Both ----------------------------------------------------------------------------------------

Handover::Orders Handover::changed(const Routers& all, TimePoint now) {
  switch (phase_) {
    case Phase::none:
      return {};
    case Phase::preparing:
    case Phase::released:
    case Phase::given:
      return settle_giving(all, now);
    default:
      return settle_taking(all, now);
  }
}

Handover::Orders Handover::lbcore_gone(const Routers& all, TimePoint now) {
  switch (phase_) {
    case Phase::none:
      word_.Clear();
      return {};
    case Phase::given:
      finish(false, "done", "lbcore stopped before it reported", now);
      return {};
    case Phase::preparing:
    case Phase::released:
      return take_back(all, "lbcore is gone", now);
    default:
      return drop(all, "lbcore is gone", now);
  }
}

Handover::Orders Handover::expired(const Routers& all, TimePoint now) {
  if (phase_ == Phase::none || now < deadline_) return {};
  switch (phase_) {
    case Phase::preparing:
      say(role::Handover::GIVEN);
      finish(false, "done", "no connection was moved: lbcore did not answer", now);
      return to_all(HandOver{reason_});
    case Phase::released:
      return take_back(all, "it was not finished in time", now);
    case Phase::given:
      finish(false, "done", "lbcore did not report", now);
      return {};
    default:
      return drop(all, "it was not finished in time", now);
  }
}

}  // namespace hapair::vrrp
