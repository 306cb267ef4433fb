// What the pair path and the witness bring to a router, and what it tells there; and the seal of
// its unicast advertisements.
#include <algorithm>
#include <utility>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kLeastLook = 20ms;       // of a Backup, before its deadline if it can be
constexpr Duration kLeastSelfCheck = 50ms;  // of an Active that its peer does not hear

}  // namespace

void Instance::on_pair_word(const PairWord& word) {
  feed(word);
}

void Instance::on_pair_silent() {
  feed(PairSilent{});
}

void Instance::on_peer_resigned(const std::string& node) {
  feed(PeerResigned{node});
}

/// The pair path answers that we are well; whether we are, the witness knows.
void Instance::on_peer_asks() {
  if (role() != Role::active || !witness_) return;
  witness_->look_closely(std::max(config_.parameters.interval, kLeastSelfCheck));
}

void Instance::write(RouterWord& out) const {
  out.id = router_id(config_.name);
  out.vrid = config_.vrid;
  out.role = fsm_.role();
  out.priority = fsm_.parameters().priority;
  out.interval = fsm_.parameters().interval;
  out.link_ok = socket_.has_value();
  const TimePoint now = around_.loop.now();
  out.hears_you = fsm_.hears_another(now);
  out.asks = asking_;
  out.resigns = resigning_;
  if (witness_ && witness_->verdict().answered()) {
    out.witness_age = now - *witness_->verdict().answered();
  }
  out.address = fsm_.parameters().own_address;
}

// --- An advertisement is missing -----------------------------------------------------------------

void Instance::arm_look() {
  const auto at = fsm_.first_miss();
  if (!at || (around_.pair == nullptr && !witness_)) {
    asking_ = false;
    if (look_.armed()) look_.disarm();
  } else if (*at > around_.loop.now()) {
    asking_ = false;
    if (!look_.armed() || look_.at() != *at) look_.arm(*at);
  } else if (!asking_) {
    look_around();
  }
}

void Instance::on_look() {
  // What waits may be the missing one.
  if (around_.pair != nullptr) around_.pair->hear_what_waits();
  hear_what_waits();
  const auto at = fsm_.first_miss();
  if (!at) return;
  if (*at > around_.loop.now()) {
    if (!look_.armed()) look_.arm(*at);
    return;
  }
  look_around();
}

/// Asks the peer and the witness, again and again until the deadline decides: their answers are
/// there by then, and nothing waits for them.
void Instance::look_around() {
  asking_ = true;
  look_.arm(around_.loop.now() + config_.parameters.interval / 2);
  if (around_.pair != nullptr) around_.pair->speak(true);
  (void)execute(AskWitness{});
}

Status Instance::execute(const AskWitness&) {
  if (witness_) witness_->look_closely(std::max(config_.parameters.interval, kLeastLook));
  return {};
}

void Instance::use_witness() {
  witness_.reset();
  if (!config_.witness) return;
  witness_ = std::make_unique<WitnessProbe>(
      WitnessProbe::Surroundings{.loop = around_.loop,
                                 .log = around_.log,
                                 .subsystem = subsystem_,
                                 .on_answer = [this] { feed(WitnessAnswered{}); },
                                 .on_failure = [this](WitnessFailed failed) { feed(failed); }},
      *config_.witness);
  if (socket_) witness_->start(interface_, fsm_.parameters().own_address);
}

// --- Authenticated advertisements ----------------------------------------------------------------

std::vector<uint8_t> Instance::sealed(std::vector<uint8_t> message, const Stamp& stamp) const {
  return seal(std::move(message), envelope(), stamp, window_.newest().epoch, around_.keys->own);
}

/// The pair path, when it lives, knows the peer's epoch: anything older was recorded. Without it
/// the order of what is heard has to do.
tl::expected<Datagram, RefuseReason> Instance::unseal(const Datagram& datagram) {
  const auto open = open_seal(datagram, around_.keys->peer);
  if (!open) return tl::unexpected(open.error());
  const auto epoch =
      around_.pair != nullptr ? around_.pair->peer_epoch() : std::optional<uint64_t>();
  if (!window_.admits(open->stamp) || (epoch && open->stamp.epoch < *epoch)) {
    return tl::unexpected(RefuseReason::replayed);
  }
  offered_ = open->stamp;
  if (around_.life.step_above(open->echo)) around_.on_testament();
  return open->datagram;
}

}  // namespace hapair::vrrp
