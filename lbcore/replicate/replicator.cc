#include "lbcore/replicate/replicator.h"

#include <random>
#include <utility>

#include "lbcore/replicate/entry_digest.h"
#include "lbcore/replicate/link.h"
#include "lbcore/replicate/protocol.h"
#include "lbcore/replicate/store_tables.h"

namespace hapair::lbcore::replicate {

namespace {

constexpr Duration kTick = 50ms;
constexpr std::string_view kSubsystem = "replication";

uint64_t new_epoch() {
  std::random_device random;
  uint64_t epoch = 0;
  while (epoch == 0) epoch = (uint64_t{random()} << 32) | random();
  return epoch;
}

std::string_view name(State state) {
  switch (state) {
    case State::disconnected:
      return "disconnected";
    case State::snapshot:
      return "snapshot";
    case State::catching_up:
      return "catching up";
    case State::synced:
      return "synced";
  }
  return "?";
}

}  // namespace

struct Replicator::Parts {
  Parts(EventLoop& event_loop, Logger& logger, const config::Pair& pair, const PairKeys& keys,
        uint64_t config_hash, Registry& registry, sticky::SessionStore& session_store, Hooks given,
        UniqueFd listener)
      : loop(event_loop),
        log(logger),
        store(session_store),
        hooks(std::move(given)),
        tables(registry, session_store),
        protocol({.node = pair.node,
                  .peer = pair.peer,
                  .epoch = new_epoch(),
                  .config_hash = config_hash},
                 tables, hooks.own_status, {}, {}, hooks.lanes),
        link(event_loop, logger, pair, keys, {},
             {.on_up = [this] { run(protocol.connected(loop.refresh_now())); },
              .on_frame = [this](std::string_view payload) { received(payload); },
              .on_pause = [this] { pump(); },
              .on_down =
                  [this](const std::string& reason) {
                    run(protocol.disconnected(reason, loop.now()));
                  }},
             std::move(listener)),
        ticker(event_loop, kTick, [this] { tick(); }) {}

  void tick() {
    run(protocol.tick(loop.now()));
    flush();
  }

  /// Changes first, always: the protocol must know of a removal before an older word of the peer
  /// about that key is merged. The list is taken at the start of each batch of frames.
  void received(std::string_view payload) {
    if (!std::exchange(in_batch, true)) take_changes(false);
    run(protocol.received(payload, loop.now()));
  }

  void pump() {
    in_batch = false;
    took_digests = false;
    run(protocol.pump(link.room(), loop.now()));
    // A barrier holds only until the next change: it goes now.
    if (took_digests) run(protocol.pump(link.room(), loop.now()));
    link.flush();
  }

  void flush() {
    protocol.set_active(hooks.active());
    take_changes(false);
    pump();
  }

  void wake() {
    if (std::exchange(awake, true)) return;
    loop.defer([self = std::weak_ptr<Parts*>(alive)] {
      const auto parts = self.lock();
      if (!parts) return;
      (*parts)->awake = false;
      (*parts)->pump();
    });
  }

  void take_changes(bool with_digests) {
    const auto changes = with_digests ? store.take_changes_and_digests() : store.take_changes();
    if (hooks.on_changes) hooks.on_changes(changes);
    run(protocol.changes(changes.list, changes.overflowed,
                         with_digests ? &changes.digests : nullptr, loop.now()));
  }

  void run(const Actions& actions) {
    for (const auto& action : actions) {
      std::visit([this](const auto& one) { execute(one); }, action);
    }
  }

  void execute(const Send& send) { link.send(send.payload); }
  void execute(const Merge& merge) {
    store.merge(merge.entries, loop.now(), merge.prefer_ours_on_tie);
  }
  void execute(const Heard& heard) { peer_status = PeerStatus{heard.status, loop.now()}; }
  void execute(const TakeDigests&) {
    took_digests = true;
    take_changes(true);
  }
  void execute(const Drop& drop) { link.drop(drop.reason); }
  void execute(const Changed& changed) {
    log.info(kSubsystem, "{} -> {}{}{}", name(changed.from), name(changed.to),
             changed.why.empty() ? "" : ": ", changed.why);
    if (changed.to == State::snapshot) link.settled();
    const bool matters = changed.from == State::synced || changed.to == State::synced;
    if (matters) hooks.on_state_change();
  }

  EventLoop& loop;
  Logger& log;
  sticky::SessionStore& store;
  Hooks hooks;
  StoreTables tables;
  Protocol protocol;
  std::optional<PeerStatus> peer_status;
  std::shared_ptr<Parts*> alive = std::make_shared<Parts*>(this);
  bool awake = false;
  bool in_batch = false;
  bool took_digests = false;
  Link link;
  Ticker ticker;
};

Replicator::Replicator(EventLoop& loop, Logger& log, const config::Pair& pair, const PairKeys& keys,
                       uint64_t config_hash, Registry& registry, sticky::SessionStore& store,
                       Hooks hooks, UniqueFd listener)
    : parts_(std::make_unique<Parts>(loop, log, pair, keys, config_hash, registry, store,
                                     std::move(hooks), std::move(listener))) {}

Replicator::~Replicator() = default;

void Replicator::set_keys(const PairKeys& keys) {
  parts_->link.set_keys(keys);
}

int Replicator::listener() const {
  return parts_->link.listener();
}

void Replicator::flush() {
  parts_->flush();
}

void Replicator::wake() {
  parts_->wake();
}

void Replicator::set_config_hash(uint64_t hash) {
  parts_->protocol.set_config_hash(hash);
}

bool Replicator::synced() const {
  return parts_->protocol.state() == State::synced;
}

control::Sync Replicator::sync() const {
  const auto& protocol = parts_->protocol;
  const auto& link = parts_->link;
  control::Sync out;
  out.set_state(protocol.state_text());
  out.set_lag_entries(protocol.lag_entries());
  out.set_lag_ms(static_cast<uint64_t>(protocol.lag(parts_->loop.now()) / 1ms));
  out.set_sessions(parts_->store.size());
  out.set_peer(link.peer());
  out.set_detail(link.trouble().empty() ? protocol.detail() : link.trouble());
  out.set_epoch(protocol.epoch());
  out.set_refused(protocol.refused() + link.refused());
  out.set_resyncs(protocol.resyncs());
  out.set_protocol(protocol.version());
  for (const auto feature : protocol.features()) out.add_features(std::string(feature));
  out.set_ignored(protocol.ignored());
  uint64_t digest = 0;
  for (const auto& [pool, its] : parts_->store.digests())
    digest += pool_share(parts_->tables.pool_name(pool), its);
  out.set_digest(digest);
  return out;
}

const Replicator::PeerStatus* Replicator::peer_status() const {
  return parts_->peer_status ? &*parts_->peer_status : nullptr;
}

}  // namespace hapair::lbcore::replicate
