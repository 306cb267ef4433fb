// The balancer's part in the pair's runtime changes: where they are made, how they get to the peer,
// and what becomes of the peer's.
#include <algorithm>
#include <utility>

#include "lbcore/balancer_parts.h"
#include "lbcore/model/spec_diff.h"

namespace hapair::lbcore {

replicate::RuntimeLane::Hooks Balancer::Parts::runtime_hooks() {
  // All of them come with the link on the stack.
  return {.ours_wins_tie =
              [this] {
                if (active() != peer_active()) return active();
                return settings.pair && settings.node < settings.pair->peer;
              },
          .on_records = [this] { loop.defer([this] { take_records(); }); },
          .on_in_step = [this] { loop.defer([this] { send_if_changed(); }); },
          .on_question =
              [this](uint64_t number, const std::string& from, const std::string& request) {
                loop.defer([this, number, from, request] { answer(number, from, request); });
              }};
}

void Balancer::Parts::set_file(const Spec& next, bool first) {
  file = next;
  if (first) {
    records.begin(file, spec);
  } else if (active() || !settings.pair) {
    // What the file says anew is over. The Active says so: a Backup may have its file first.
    note_changes();
  }
  differences = static_cast<uint32_t>(diff(file, spec).lines.size());
}

Status Balancer::Parts::change(const Spec& next) {
  if (!records.fits(file, next)) {
    return fail("more than {} runtime changes: write them into the configuration file",
                RuntimeRecords::kMost);
  }
  if (auto applied = apply(next); !applied) return applied;
  note_changes();
  differences = static_cast<uint32_t>(diff(file, spec).lines.size());
  return {};
}

void Balancer::Parts::note_changes() {
  runtime.changed(records.note(file, spec));
  runtime_trouble.clear();
  if (replicator) replicator->wake();
}

/// The peer's changes are in the records: they run here as well.
void Balancer::Parts::take_records() {
  if (!topology || stopping || retired) return;
  const Spec next = records.spec(file);
  if (next != spec) {
    const auto applied = apply(next, PortsInUse::tolerate);
    if (!applied) {
      if (std::exchange(runtime_trouble, applied.error().message) != runtime_trouble) {
        log.environment("change", "what pairadm changed on the peer does not run here: {}",
                        runtime_trouble);
      }
      return;
    }
    differences = static_cast<uint32_t>(diff(file, spec).lines.size());
  }
  runtime_trouble.clear();
}

/// What the peer has said over the connection there is, and not long ago.
const replicate::Replicator::PeerStatus* Balancer::Parts::fresh_peer() const {
  constexpr Duration kFresh = 2s;
  const auto* peer = replicator ? replicator->peer_status() : nullptr;
  const bool fresh = peer != nullptr && loop.now() - peer->heard < kFresh;
  return fresh && (!runtime.is_up() || peer->heard >= runtime.up_since()) ? peer : nullptr;
}

/// Said once when it begins and once when it is over.
void Balancer::Parts::compare_configs() {
  const auto* peer = fresh_peer();
  if (peer == nullptr) return;
  const bool differ = peer->status.config_hash() != settings.config_hash;
  if (std::exchange(configs_differ, differ) == differ) return;
  if (differ) {
    log.environment("config", "the configuration file of {} is another one (pairadm push-config)",
                    settings.pair->peer);
  } else {
    log.info("config", "the configuration file of {} is the same again", settings.pair->peer);
  }
}

/// The peer's own checks, for servers that ours have not reached yet. Its hints are none of ours.
void Balancer::Parts::take_hints() {
  if (!topology || inherited || retired || !monitor.wants_hints()) return;
  const auto* peer = fresh_peer();
  if (peer == nullptr) return;
  for (const auto& service : peer->status.services()) {
    const auto pool = std::ranges::find_if(
        topology->pools, [&](const auto& each) { return each->spec.name == service.pool(); });
    if (pool == topology->pools.end()) continue;
    for (const auto& told : service.servers()) {
      if (!told.up() || told.hint()) continue;
      for (const Server& server : (*pool)->servers) {
        if (server.live->address.to_string() == told.address()) {
          monitor.hint_up(server.live->id, settings.pair->peer);
        }
      }
    }
  }
}

bool Balancer::Parts::peer_active() const {
  const auto* peer = fresh_peer();
  return peer != nullptr && runtime.is_up() &&
         std::ranges::any_of(peer->status.routers(), [](const role::Router& router) {
           return router.state() == role::STATE_ACTIVE;
         });
}

bool Balancer::Parts::in_sync() const {
  if (!settings.pair) return true;
  // A peer of a version without this lane has nothing to say.
  return replicator && replicator->synced() && (!runtime.is_up() || runtime.in_step());
}

Door Balancer::Parts::door() const {
  using Where = Door::Where;
  if (!settings.pair || active()) return {};
  if (peer_active()) return {.where = Where::peer};
  const bool backup = std::ranges::any_of(
      routers, [](const role::Router& router) { return router.state() == role::STATE_BACKUP; });
  // Two nodes of which none is Active: they agree afterwards.
  if (!backup || (runtime.is_up() && fresh_peer() != nullptr)) return {};
  return {.where = Where::nowhere,
          .why = fmt::format(
              "this node is Backup, and {}, which may be Active, cannot be asked ({}): make the "
              "change there",
              settings.pair->peer,
              replicator && replicator->synced() ? "it runs an older version" : sync().state())};
}

void Balancer::Parts::ask_peer(const std::string& from, std::string request, Duration patience,
                               std::function<void(Result<std::string> reply)> done) {
  if (!runtime.is_up()) {
    const bool older = replicator && replicator->synced();
    return done(
        fail("the peer cannot be asked: {}", older ? "it runs a version that does not know this"
                                             : sync().state() == "alone" ? "there is no [pair]"
                                                                         : sync().state()));
  }
  runtime.ask(from, std::move(request), patience, loop.now(),
              [this, done = std::move(done)](Result<std::string> reply) {
                loop.defer([done, reply = std::move(reply)] { done(reply); });
              });
  if (replicator) replicator->wake();
}

void Balancer::Parts::answer(uint64_t number, const std::string& from, const std::string& request) {
  if (!on_question) return;
  on_question(from, request, [this, number](std::string reply) {
    runtime.answer(number, std::move(reply));
    if (replicator) replicator->wake();
  });
}

// ---- The public face

void Balancer::set_file(const Spec& file, bool first) {
  parts_->set_file(file, first);
}
Status Balancer::change(const Spec& spec) {
  return parts_->change(spec);
}
Door Balancer::door() const {
  return parts_->door();
}
void Balancer::ask_peer(const std::string& from, std::string request, Duration patience,
                        std::function<void(Result<std::string> reply)> done) {
  parts_->ask_peer(from, std::move(request), patience, std::move(done));
}
void Balancer::on_question(
    std::function<void(const std::string& from, const std::string& request, Respond respond)>
        answer) {
  parts_->on_question = std::move(answer);
}
control::Differences Balancer::differences() const {
  control::Differences out;
  out.set_node(parts_->settings.node);
  for (std::string& line : diff(parts_->file, parts_->spec).lines) out.add_lines(std::move(line));
  return out;
}
std::vector<RuntimeRecord> Balancer::runtime_records() const {
  return parts_->records.all();
}
Spec Balancer::inherit_records(const std::vector<RuntimeRecord>& records, const Spec& file) {
  for (const RuntimeRecord& record : records) parts_->records.merge(record, false);
  parts_->runtime.settle();
  return parts_->records.spec(file);
}

}  // namespace hapair::lbcore
