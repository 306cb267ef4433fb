#include "lbcore/relay/pool_scheduler.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::relay {

namespace {

constexpr int kSteps = 32;           // of a slow start
constexpr uint16_t kFirstStep = 26;  // of Candidate::kWhole: a tenth

/// The same servers in the same roles.
bool same_servers(const Pool& a, const Pool& b) {
  return std::ranges::equal(a.servers, b.servers, [](const Server& one, const Server& other) {
    return one.live == other.live && one.spec.backup == other.spec.backup;
  });
}

/// May have new clients at all, were it up.
bool is_wanted(const Server& server) {
  return server.spec.weight > 0 && server.spec.admin == ServerAdmin::enabled;
}

bool none_available(const Pool& pool) {
  return std::ranges::none_of(pool.servers, [](const Server& server) {
    return is_wanted(server) && server.live->available();
  });
}

/// Full from max_connections on until fewer than min_connections are open, for all workers alike.
bool is_full(const Server& server) {
  const ServerSpec& spec = server.spec;
  LiveServer& live = *server.live;
  const bool was = live.full.load(std::memory_order_relaxed);
  if (!was && spec.max_connections == 0) return false;
  const uint32_t active = live.counters.active.load(std::memory_order_relaxed);
  const bool now =
      spec.max_connections != 0 && active >= (was ? spec.reopens_below() : spec.max_connections);
  if (now != was) live.full.store(now, std::memory_order_relaxed);
  return now;
}

balance::Load load_of(const LiveServer& live) {
  return {.active = &live.counters.active,
          .bytes_in = &live.counters.bytes_in,
          .bytes_out = &live.counters.bytes_out,
          .connect = &live.connect_time,
          .first_byte = &live.first_byte_time};
}

}  // namespace

bool Tried::contains(ServerId id) const {
  return std::find(ids_.begin(), ids_.begin() + count_, id) != ids_.begin() + count_;
}

void PoolScheduler::update(std::shared_ptr<const Pool> pool) {
  const bool keep = pool_ != nullptr && pool_->spec.scheduler == pool->spec.scheduler &&
                    same_servers(*pool_, *pool);
  for (const bool backups : {false, true}) {
    Tier& tier = tiers_[backups ? 1 : 0];
    tier = make_tier(*pool, backups, std::move(tier), keep, worker_);
  }
  pool_ = std::move(pool);
  full_.clear();
  seen_.reset();
}

PoolScheduler::Tier PoolScheduler::make_tier(const Pool& pool, bool backups, Tier before, bool keep,
                                             size_t worker) {
  Tier tier;
  for (size_t place = 0; place < pool.servers.size(); ++place) {
    const Server& server = pool.servers[place];
    if (server.spec.backup != backups) continue;
    tier.places.push_back(place);
    tier.candidates.push_back({.weight = server.spec.weight,
                               .limit = server.spec.max_connections,
                               .token = server.live->token,
                               .load = load_of(*server.live)});
  }
  if (tier.places.empty()) return tier;
  tier.scheduler =
      keep ? std::move(before.scheduler) : balance::make_scheduler(pool.spec.scheduler, worker);
  return tier;
}

void PoolScheduler::look_again(TimePoint now) {
  seen_ = pool_->pulse->beats();
  next_step_ = TimePoint::max();
  full_.clear();
  whoever_ = pool_->spec.when_all_down == WhenAllDown::all && none_available(*pool_);
  for (Tier& tier : tiers_) look_again(tier, now);
}

void PoolScheduler::look_again(Tier& tier, TimePoint now) {
  if (!tier.scheduler) return;
  for (size_t i = 0; i < tier.places.size(); ++i) {
    const Server& server = pool_->servers[tier.places[i]];
    balance::Candidate& candidate = tier.candidates[i];
    candidate.ramp = ramp(*server.live, now);
    const bool full = is_full(server);  // asked in any case: a limit may have been lifted
    const bool eligible = is_wanted(server) && (whoever_ || server.live->available());
    candidate.usable = eligible && !full;
    if (eligible && full) full_.push_back(&server);
  }
  tier.scheduler->update(tier.candidates);
}

uint16_t PoolScheduler::ramp(const LiveServer& live, TimePoint now) {
  const Duration whole = pool_->spec.slow_start;
  const Duration since = now - live.up_since();
  if (since >= whole) return balance::Candidate::kWhole;
  next_step_ = std::min(next_step_, now + whole / kSteps);
  const double part = std::chrono::duration<double>(since) / std::chrono::duration<double>(whole);
  return static_cast<uint16_t>(kFirstStep +
                               (balance::Candidate::kWhole - kFirstStep) * std::max(part, 0.0));
}

bool PoolScheduler::has_room_again() const {
  return std::ranges::any_of(full_, [](const Server* server) { return !is_full(*server); });
}

uint32_t PoolScheduler::limit(const ServerSpec& spec) const {
  if (spec.max_connections == 0 && pool_->spec.scheduler == balance::Algorithm::ovf) {
    return spec.weight;
  }
  return spec.max_connections;
}

PoolScheduler::Pick PoolScheduler::pick(uint64_t source_hash, const Tried& tried, TimePoint now) {
  if (seen_ != pool_->pulse->beats() || now >= next_step_ || has_room_again()) look_again(now);
  overflowing_ = false;
  const balance::Query query{.source_hash = source_hash, .now = now};
  for (Tier& tier : tiers_) {
    while (const Server* server = pick(tier, query, tried)) {
      if (!is_full(*server)) {
        return {.server = server, .why = Why::chosen, .limit = limit(server->spec)};
      }
      look_again(now);  // without it
    }
  }
  return {.why = full_.empty() && !overflowing_ ? Why::none_up : Why::full};
}

const Server* PoolScheduler::pick(Tier& tier, balance::Query query, const Tried& tried) {
  if (!tier.scheduler) return nullptr;
  std::array<size_t, Tried::kMost> out{};
  size_t count = 0;
  if (!tried.none()) {  // rare
    for (size_t i = 0; i < tier.places.size() && count < out.size(); ++i) {
      if (tried.contains(pool_->servers[tier.places[i]].live->id)) out[count++] = i;
    }
    query.tried = std::span(out).first(count);
  }
  const auto picked = tier.scheduler->pick(query);
  if (picked) return &pool_->servers[tier.places[*picked]];
  // A scheduler with a limit of its own (ovf) finds nobody although there are candidates.
  for (size_t i = 0; i < tier.candidates.size() && !overflowing_; ++i) {
    overflowing_ = tier.candidates[i].usable && !query.has_tried(i);
  }
  return nullptr;
}

}  // namespace hapair::lbcore::relay
