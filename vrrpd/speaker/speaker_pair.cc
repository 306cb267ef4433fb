// What the speaker does between its routers and the pair path: what is said there, and who hands
// over to whom.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "vrrpd/speaker/speaker.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kFastestPace = 10ms;
constexpr Duration kSlowestPace = 1s;

uint64_t wall_clock_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

}  // namespace

/// Above that of the speaker before us, even if the clock was set back meanwhile.
uint64_t Speaker::first_epoch(const Board& board) {
  return std::max(wall_clock_us(), board.epoch.load() + 1);
}

void Speaker::open_pair_path(const DaemonConfig& config) {
  if (!config.pair_trouble.empty()) {
    log_.environment("pair path", "off: {}", config.pair_trouble);
  }
  if (!config.pair) return;
  const auto& [pair, keys] = *config.pair;
  keys_ = signing_keys(keys, pair.node, pair.peer);
  const auto with = [this](uint32_t id, auto&& act) {
    for (auto& [name, router] : instances_) {
      if (router_id(name) == id) act(*router);
    }
  };
  pair_ = std::make_unique<PairPath>(
      PairPath::Surroundings{
          .loop = loop_,
          .log = log_,
          .own = [this] { return own_view(); },
          .on_word =
              [this, with](uint32_t id, const PairWord& word) {
                tell_pair();
                with(id, [&](Instance& router) { router.on_pair_word(word); });
              },
          .on_asked =
              [with](uint32_t id) { with(id, [](Instance& router) { router.on_peer_asks(); }); },
          .on_resigned =
              [with](uint32_t id, const std::string& node) {
                with(id, [&](Instance& router) { router.on_peer_resigned(node); });
              },
          .on_silent =
              [this] {
                tell_pair();
                for (auto& [name, router] : instances_) router->on_pair_silent();
              },
          .on_epoch = [this] { publish(); },
          .on_handover = [this](uint32_t id, bool all) { return hand_over_to_peer(id, all); }},
      *config.pair, life_);
}

/// Rotated keys are used from here on: nobody is unheard for it. What else [pair] says waits for a
/// restart.
void Speaker::take_keys(const DaemonConfig& config) {
  if (!pair_) return;
  if (!config.pair) {
    log_.environment("pair path", "{}: the keys of before stay in use", config.pair_trouble);
    return;
  }
  const PairKeys& keys = config.pair->keys;
  if (keys == pair_->config().keys) return;
  log_.info("pair path", "{}",
            keys.also ? "new keys: the first is used, both are accepted" : "new key");
  keys_ = signing_keys(keys, pair_->config().pair.node, pair_->config().pair.peer);
  pair_->set_keys(keys);
}

OwnView Speaker::own_view() const {
  OwnView out{.pace = kSlowestPace, .routers = {}};
  bool tracks = false;
  for (const auto& [name, router] : instances_) {
    router->write(out.routers.emplace_back());
    out.pace = std::min(out.pace, router->config().parameters.interval);
    tracks = tracks || router->config().track_lbcore;
  }
  out.pace = std::max(out.pace, kFastestPace);
  out.serving = !tracks || lbcore_.lease().serving();
  out.in_sync = !tracks || lbcore_.lease().in_sync();
  out.demoted = demotion_.has_value();
  return out;
}

std::string Speaker::why_peer_cannot_take(const std::string& router) const {
  if (!pair_) return "there is no pair path: it needs [pair] and the pair's key";
  const PeerView& peer = pair_->peer();
  if (!peer.alive) return peer.node + " is not heard on the pair path";
  const RouterWord* word = peer.router(router);
  if (word == nullptr) return fmt::format("{} has no router {}", peer.node, router);
  if (peer.demoted) return peer.node + " is demoted";
  if (!peer.serving) return "lbcore of " + peer.node + " is not serving";
  if (!peer.in_sync) return "lbcore of " + peer.node + " is not in sync";
  if (word->role != Role::backup) return fmt::format("{} is {}", peer.node, name(word->role));
  return {};
}

/// `all`: whatever is Active here and may go.
Status Speaker::hand_over_to_peer(uint32_t id, bool all) {
  std::vector<std::string> names;
  bool known = false;
  for (auto& [name, router] : instances_) {
    const bool asked_for = router_id(name) == id;
    known = known || asked_for;
    const bool goes_along = all && router->role() == Role::active &&
                            router->config().parameters.priority != kOwnerPriority &&
                            why_peer_cannot_take(name).empty();
    if (asked_for || goes_along) names.push_back(name);
  }
  if (!known) return fail("{} has no such router", node_);
  return hand_over(names, "handover asked for by " + pair_->peer().node);
}

void Speaker::ask_for_handover(const std::string& router, bool all,
                               const std::function<void(const Status&)>& done) {
  const auto at = instances_.find(router);
  if (at == instances_.end()) return done(fail("there is no router {}", router));
  if (!pair_) return done(fail("{}", why_peer_cannot_take(router)));
  if (at->second->role() != Role::backup) {
    return done(fail("{} is {} here and cannot take over", router, name(at->second->role())));
  }
  pair_->request_handover(router, all, done);
}

void Speaker::write(control::PairPath& out) const {
  const PeerView& peer = pair_->peer();
  const PairPath::Counters& counters = pair_->counters();
  const auto& config = pair_->config().pair;
  out.set_peer(peer.node);
  out.set_own_address(config.own.to_string());
  out.set_peer_address(config.other.to_string());
  out.set_alive(peer.alive);
  if (peer.heard != TimePoint{}) {
    out.set_heard_ms_ago(static_cast<uint64_t>((loop_.now() - peer.heard) / 1ms));
  }
  out.set_serving(peer.serving);
  out.set_in_sync(peer.in_sync);
  out.set_demoted(peer.demoted);
  out.set_sent(counters.sent);
  out.set_received(counters.received);
  for (size_t i = 0; i < counters.refused.size(); ++i) {
    if (counters.refused[i] == 0) continue;
    (*out.mutable_refused())[std::string(vrrp::name(static_cast<PathRefusal>(i)))] =
        counters.refused[i];
  }
  out.set_trouble(pair_->trouble());
  for (const auto& [name, router] : instances_) {
    const RouterWord* word = peer.router(name);
    if (word == nullptr) continue;
    auto& theirs = *out.add_routers();
    theirs.set_name(name);
    theirs.set_state(std::string(vrrp::name(word->role)));
    theirs.set_priority(word->priority);
    theirs.set_hears_us(word->hears_you);
  }
}

}  // namespace hapair::vrrp
