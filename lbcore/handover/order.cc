#include "lbcore/handover/order.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::handover {

namespace {

using Word = role::Handover;

uint64_t micros(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(0, duration / 1us));
}

}  // namespace

// ---- Small things

std::optional<TimePoint> Order::deadline() const {
  return phase_ == Phase::idle ? std::nullopt : std::optional(until_);
}

bool Order::collects(uint64_t number) const {
  return phase_ == Phase::collecting && number == number_ && !all_sent_;
}

std::string Order::step() const {
  switch (phase_) {
    case Phase::idle:
      return {};
    case Phase::offering:
      return "asks the peer";
    case Phase::quiescing:
      return "keeps new connections off";
    case Phase::releasing:
      return "waits for vrrpd to take the VIPs away";
    case Phase::freezing:
      return "freezes the connections";
    case Phase::sending:
      return "sends the connections";
    case Phase::going:
    case Phase::keeping:
      return "waits for the peer to take over";
    case Phase::taking_back:
      return "takes everything back";
    case Phase::asking:
      return "asks vrrpd";
    case Phase::collecting:
      return "receives connections";
    case Phase::restoring:
      return "restores connections";
    case Phase::ready:
      return "is ready to take over";
    case Phase::taking:
      return "takes over";
  }
  return {};
}

void Order::enter(Phase phase, TimePoint until) {
  phase_ = phase;
  until_ = until;
}

void Order::say(Word::Step step, const std::string& reason) {
  word_.set_number(number_);
  word_.set_step(step);
  word_.set_reason(reason);
  *word_.mutable_moved() = moved_;
  word_.clear_routers();
  if (step == Word::ASK) word_.mutable_routers()->Assign(routers_.begin(), routers_.end());
  actions_.emplace_back(Tell{});
}

wire::Handover Order::frame() const {
  wire::Handover out;
  out.set_number(number_);
  return out;
}

void Order::send(wire::Handover frame) {
  if (peer_) actions_.emplace_back(SendFrame{std::move(frame)});
}

bool Order::holds_all(const Node& node) const {
  return node.connected && !routers_.empty() &&
         std::all_of(routers_.begin(), routers_.end(),
                     [&](const std::string& router) { return node.holding.contains(router); });
}

/// The word stays until vrrpd has said its last one as well.
void Order::end(bool failed, const std::string& reason) {
  actions_.emplace_back(
      Ended{.gave = giving(), .failed = failed, .reason = reason, .moved = moved_});
  phase_ = Phase::idle;
}

/// It is said until vrrpd, or the one that was started after it, has said its last word.
void Order::forget_word_if_understood() {
  const bool last = node_.handover.step() != Word::NONE && node_.handover.step() != Word::PREPARE &&
                    node_.handover.step() != Word::RELEASED;
  if (word_.step() == Word::NONE || !last || node_.handover.number() != number_) return;
  word_.Clear();
  actions_.emplace_back(Tell{});
}

// ---- Events

Actions Order::vrrpd_says(const Node& node, TimePoint now) {
  return step(now, [&] {
    node_ = node;
    const Word& word = node.handover;
    if (word.step() == Word::PREPARE && word.number() != number_) return on_prepare(word);
    if (phase_ == Phase::idle) return forget_word_if_understood();
    if (giving()) return vrrpd_in_giving(node);
    vrrpd_in_taking(node);
  });
}

Actions Order::peer_up(TimePoint now) {
  return step(now, [&] { peer_ = true; });
}

Actions Order::peer_down(TimePoint now) {
  return step(now, [&] {
    peer_ = false;
    switch (phase_) {
      case Phase::offering:
      case Phase::quiescing:
      case Phase::releasing:
      case Phase::freezing:
      case Phase::sending:
        return take_back("the pair link went down");
      case Phase::asking:
      case Phase::collecting:
      case Phase::restoring:
      case Phase::ready:
        return fail_taking("the pair link went down");
      default:
        return;  // decided: vrrpd's word, or the deadline
    }
  });
}

Actions Order::frame(const wire::Handover& frame, TimePoint now) {
  return step(now, [&] {
    if (frame.has_offer()) return on_offer(frame);
    if (phase_ == Phase::idle || frame.number() != number_) return;
    if (giving()) return on_giver_frame(frame);
    on_taker_frame(frame);
  });
}

Actions Order::expired(TimePoint now) {
  return step(now, [&] {
    if (phase_ == Phase::idle || now < until_) return;
    switch (phase_) {
      case Phase::offering:
        return take_back("the peer did not answer");
      case Phase::quiescing:
      case Phase::releasing:
      case Phase::freezing:
      case Phase::sending:
        return take_back("it was not finished in time: " + step());
      case Phase::going:
        if (node_.handover.number() == number_ && node_.handover.step() == Word::GIVEN) {
          return enter(Phase::keeping, now_ + kKeepMost);
        }
        return take_back("the peer did not take over in time");
      case Phase::keeping:
      case Phase::taking_back:
        return give_up_frozen();
      default:
        return fail_taking("it was not finished in time: " + step());
    }
  });
}

Actions Order::abandon(const std::string& reason, TimePoint now) {
  return step(now, [&] {
    switch (phase_) {
      case Phase::offering:
      case Phase::quiescing:
      case Phase::releasing:
      case Phase::freezing:
      case Phase::sending:
        return take_back(reason);
      case Phase::asking:
      case Phase::collecting:
      case Phase::restoring:
      case Phase::ready:
        return fail_taking(reason);
      default:
        return;
    }
  });
}

// ---- Giving

void Order::on_prepare(const Word& word) {
  if (phase_ != Phase::idle) return;  // said again, it counts when this one is over
  number_ = word.number();
  routers_.assign(word.routers().begin(), word.routers().end());
  addresses_.assign(word.addresses().begin(), word.addresses().end());
  moved_.Clear();
  began_ = now_;
  back_ = false;
  reason_.clear();
  enter(Phase::offering, now_ + kOfferMost);
  if (!peer_) return plain("the peer's lbcore is not there, or does not know how");
  wire::Handover offer = frame();
  offer.mutable_offer()->mutable_routers()->Assign(routers_.begin(), routers_.end());
  offer.mutable_offer()->mutable_addresses()->Assign(addresses_.begin(), addresses_.end());
  send(std::move(offer));
  say(Word::PREPARING);
}

void Order::plain(const std::string& reason) {
  say(Word::PLAIN, reason);
  wire::Handover abandoned = frame();
  abandoned.set_abandon(reason);
  send(std::move(abandoned));
  end(false, "no connection was moved: " + reason);
}

void Order::on_giver_frame(const wire::Handover& frame) {
  if (frame.has_accept() && phase_ == Phase::offering) {
    moved_.set_prepare_us(micros(now_ - began_));
    began_ = now_;
    give_until_ = now_ + kGiveMost;
    quiet_ = true;
    enter(Phase::quiescing, give_until_);
    actions_.emplace_back(Quiesce{});
  } else if (frame.what_case() == wire::Handover::kRefuse && phase_ == Phase::offering) {
    plain("the peer refuses: " + frame.refuse());
  } else if (frame.has_restored() && phase_ == Phase::sending) {
    moved_.set_moved(frame.restored().connections());
    for (const auto& [why, count] : frame.restored().failed()) {
      (*moved_.mutable_cut())[why] += count;
    }
    moved_.set_send_us(micros(now_ - began_));
    moved_.set_dark_us(micros(now_ - released_));
    wire::Handover go = this->frame();
    *go.mutable_go() = moved_;
    send(std::move(go));
    enter(Phase::going, give_until_ + kGoMost);
  } else if (frame.has_taken() && (phase_ == Phase::going || phase_ == Phase::keeping)) {
    taken();
  } else if (frame.what_case() == wire::Handover::kFailed) {
    if (phase_ == Phase::offering) return plain("the peer: " + frame.failed());
    if (phase_ == Phase::taking_back || phase_ == Phase::keeping) return;
    take_back("the peer: " + frame.failed());
  }
}

Actions Order::quiesced(TimePoint now) {
  return step(now, [&] {
    if (phase_ != Phase::quiescing) return;
    moved_.set_quiesce_us(micros(now_ - began_));
    enter(Phase::releasing, give_until_);
    say(Word::RELEASE);
  });
}

void Order::vrrpd_in_giving(const Node& node) {
  const Word& word = node.handover;
  const auto said = word.number() == number_ ? word.step() : Word::NONE;
  if (phase_ == Phase::taking_back) {
    if (said == Word::HELD || (said != Word::RELEASED && holds_all(node))) return have_back();
    if (said == Word::GIVEN) return give_up_frozen();
    return;
  }
  if (phase_ == Phase::going || phase_ == Phase::keeping) {
    // Should the role come back before the peer has said that they live there, they live here.
    const bool came_back = said != Word::RELEASED && said != Word::PREPARE && holds_all(node);
    if (said == Word::HELD || came_back) {
      reason_ = "the role came back";
      have_back();
    }
    return;
  }
  if (!node.connected) return take_back("vrrpd is gone");
  switch (said) {
    case Word::PREPARE:
      return;
    case Word::RELEASED:
      if (phase_ != Phase::releasing) return;
      released_ = began_ = now_;
      freeze_runs_ = true;
      enter(Phase::freezing, give_until_);
      actions_.emplace_back(Freeze{addresses_});
      return;
    case Word::GIVEN:
      // Somebody else is Active already; with what is on its way, if it is our peer.
      if (phase_ == Phase::freezing || phase_ == Phase::sending) return;
      [[fallthrough]];
    default:
      return take_back(word.reason().empty() ? "vrrpd gave it up" : word.reason());
  }
}

Actions Order::frozen(const Frozen& what, TimePoint now) {
  return step(now, [&] {
    freeze_runs_ = false;
    have_frozen_ = true;
    if (phase_ == Phase::taking_back) {
      if (back_) have_back();
      return;
    }
    if (phase_ != Phase::freezing) {
      actions_.emplace_back(DiscardFrozen{});
      have_frozen_ = false;
      return;
    }
    moved_.set_drained(what.drained);
    for (const auto& [why, count] : what.left) (*moved_.mutable_cut())[why] += count;
    moved_.set_freeze_us(micros(now_ - began_));
    began_ = now_;
    enter(Phase::sending, give_until_);
    actions_.emplace_back(SendImages{number_});
  });
}

void Order::take_back(const std::string& reason) {
  reason_ = reason;
  wire::Handover abandoned = frame();
  abandoned.set_abandon(reason);
  send(std::move(abandoned));
  enter(Phase::taking_back, now_ + kKeepMost);
  say(Word::TAKE_BACK, reason);
  // Its VIPs may never have been away.
  if (node_.connected && node_.handover.step() == Word::HELD &&
      node_.handover.number() == number_) {
    have_back();
  }
}

/// The VIPs are here: so are the connections.
void Order::have_back() {
  back_ = true;
  if (phase_ != Phase::taking_back) {
    enter(Phase::taking_back, now_ + kKeepMost);
    say(Word::TAKE_BACK, reason_);
  }
  if (freeze_runs_) return;
  if (std::exchange(have_frozen_, false)) actions_.emplace_back(Thaw{});
  if (std::exchange(quiet_, false)) actions_.emplace_back(Resume{});
  moved_.clear_moved();
  moved_.clear_cut();
  end(true, reason_);
}

void Order::taken() {
  moved_.set_dark_us(micros(now_ - released_));
  say(Word::TAKEN);
  if (std::exchange(have_frozen_, false)) actions_.emplace_back(DiscardFrozen{});
  if (std::exchange(quiet_, false)) actions_.emplace_back(Resume{});
  end(false, {});
}

/// Another node is Active, or nobody will say any more who is: what is frozen is nobody's.
void Order::give_up_frozen() {
  if (freeze_runs_) return enter(phase_, now_ + kKeepMost);
  if (std::exchange(have_frozen_, false)) actions_.emplace_back(DiscardFrozen{});
  if (std::exchange(quiet_, false)) actions_.emplace_back(Resume{});
  if (phase_ == Phase::keeping) say(Word::TAKEN);
  end(true, reason_.empty() ? "the peer did not say what became of the connections" : reason_);
}

// ---- Taking

void Order::on_offer(const wire::Handover& frame) {
  wire::Handover refusal;
  refusal.set_number(frame.number());
  if (giving()) {
    refusal.set_refuse("it hands over itself");
    return send(std::move(refusal));
  }
  if (taking_side()) {
    if (frame.number() == number_) return;
    fail_taking("the peer offers another one");
  }
  number_ = frame.number();
  routers_.assign(frame.offer().routers().begin(), frame.offer().routers().end());
  moved_.Clear();
  word_.Clear();
  all_sent_ = false;
  restored_ = 0;
  failed_.clear();
  std::string why;
  if (restore_runs_) {
    why = "it is not done with the last one";
  } else if (!node_.connected) {
    why = "its vrrpd is not running";
  } else if (!node_.hands_over) {
    why = "its vrrpd does not know how";
  }
  if (!why.empty()) {
    refusal.set_refuse(why);
    return send(std::move(refusal));
  }
  take_until_ = now_ + kTakeMost;
  enter(Phase::asking, take_until_);
  say(Word::ASK);
}

void Order::vrrpd_in_taking(const Node& node) {
  const Word& word = node.handover;
  const auto said = word.number() == number_ ? word.step() : Word::NONE;
  if (phase_ == Phase::taking) {
    // One that died in between: what the next one is, counts.
    if (said == Word::ACTIVE || holds_all(node)) return revive();
    if (said == Word::DROPPED || said == Word::UNABLE) fail_taking(word.reason());
    return;
  }
  if (!node.connected) return fail_taking("vrrpd is gone");
  switch (said) {
    case Word::READY: {
      if (phase_ != Phase::asking) return;
      take_role_until_ = now_ + kTakeRoleMost;
      enter(Phase::collecting, take_until_);
      wire::Handover accept = frame();
      accept.mutable_accept();
      return send(std::move(accept));
    }
    case Word::UNABLE: {
      if (phase_ != Phase::asking) return fail_taking(word.reason());
      wire::Handover refusal = frame();
      refusal.set_refuse(word.reason());
      send(std::move(refusal));
      phase_ = Phase::idle;
      word_.Clear();
      actions_.emplace_back(Tell{});
      return;
    }
    case Word::DROPPED:
      return fail_taking(word.reason());
    case Word::ADOPTED:
    case Word::ACTIVE:
      return ready_if_all_is_here();
    default:
      return;
  }
}

void Order::on_taker_frame(const wire::Handover& frame) {
  switch (frame.what_case()) {
    case wire::Handover::kImages:
      if (phase_ == Phase::collecting) adopt();
      return;
    case wire::Handover::kAllSent:
      if (phase_ != Phase::collecting || all_sent_) return;
      adopt();
      all_sent_ = restore_runs_ = true;
      enter(Phase::restoring, take_until_);
      actions_.emplace_back(Restore{});
      return;
    case wire::Handover::kGo:
      if (phase_ != Phase::ready || now_ >= take_until_) return;
      moved_ = frame.go();
      enter(Phase::taking, take_role_until_);
      say(Word::TAKE);
      return;
    case wire::Handover::kAbandon:
      if (phase_ == Phase::taking) return;
      return fail_taking("the peer: " + frame.abandon());
    default:
      return;
  }
}

void Order::adopt() {
  if (word_.step() != Word::ADOPT) say(Word::ADOPT);
}

Actions Order::restored(uint64_t connections, const ByReason& failed, TimePoint now) {
  return step(now, [&] {
    restore_runs_ = false;
    if (std::exchange(dropped_, false)) {
      actions_.emplace_back(DiscardRestored{});
      return;
    }
    restored_ = connections;
    failed_ = failed;
    ready_if_all_is_here();
  });
}

void Order::ready_if_all_is_here() {
  const auto said = node_.handover.number() == number_ ? node_.handover.step() : Word::NONE;
  const bool vips = said == Word::ADOPTED || said == Word::ACTIVE;
  if (phase_ != Phase::restoring || restore_runs_ || !vips) return;
  enter(Phase::ready, take_until_);
  wire::Handover done = frame();
  done.mutable_restored()->set_connections(restored_);
  for (const auto& [why, count] : failed_)
    (*done.mutable_restored()->mutable_failed())[why] = count;
  send(std::move(done));
}

void Order::revive() {
  actions_.emplace_back(Revive{});
  wire::Handover taken = frame();
  taken.mutable_taken();
  send(std::move(taken));
  end(false, {});
  word_.Clear();
  actions_.emplace_back(Tell{});
}

/// Nothing is left of it here.
void Order::fail_taking(const std::string& reason) {
  say(Word::STOP, reason);
  if (restore_runs_) {
    dropped_ = true;
  } else {
    actions_.emplace_back(DiscardRestored{});
  }
  wire::Handover failed = frame();
  failed.set_failed(reason);
  send(std::move(failed));
  end(true, reason);
}

}  // namespace hapair::lbcore::handover
