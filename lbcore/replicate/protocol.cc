#include "lbcore/replicate/protocol.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

namespace hapair::lbcore::replicate {

namespace {

// Enter "synced" below the first, leave it above the second: a burst must not make the state flap.
constexpr size_t kSyncedBelow = 1024;
constexpr size_t kBehindAbove = size_t{1} << 15;
constexpr Duration kBehindAfter = 1s;
constexpr size_t kRetiredEpochs = 16;
constexpr size_t kMaxStatusBytes = size_t{512} << 10;
constexpr size_t kMaxReasonBytes = 200;

/// The peer's words in our log: printable, one line, bounded.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxReasonBytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

/// Neither a body nor anything that could be one of a later version.
bool is_empty(const wire::Frame& frame) {
  if (frame.body_case() != wire::Frame::BODY_NOT_SET) return false;
  wire::Frame head;
  head.set_epoch(frame.epoch());
  head.set_sequence(frame.sequence());
  return frame.ByteSizeLong() == head.ByteSizeLong();  // unknown fields count
}

}  // namespace

Protocol::Protocol(Self self, Tables& tables, OwnStatus own_status, Timing timing,
                   Sender::Limits limits, std::vector<Lane*> lanes)
    : self_(std::move(self)),
      tables_(tables),
      own_status_(std::move(own_status)),
      timing_(timing),
      limits_(limits),
      lanes_(std::move(lanes)),
      differ_pause_(timing.differ_pause) {}

// ---- events

Actions Protocol::connected(TimePoint now) {
  Actions out;
  leave();
  phase_ = Greeting{now};
  add_hello(out);
  update_state(out, "connected", now);
  return out;
}

Actions Protocol::disconnected(std::string_view reason, TimePoint now) {
  Actions out;
  leave();
  trouble_ = reason;
  update_state(out, reason, now);
  return out;
}

Actions Protocol::received(std::string_view payload, TimePoint now) {
  Actions out;
  if (std::holds_alternative<Disconnected>(phase_)) return out;  // rest of a dropped connection
  const bool whole = in_.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  if (!whole || is_empty(in_)) {
    refuse(out, "malformed frame", now);
    return out;
  }
  if (in_.has_bye()) {
    drop(out, "the peer refused: " + printable(in_.bye().reason()), now);
    return out;
  }
  if (auto* live = std::get_if<Streaming>(&phase_)) {
    live->last_heard = now;
    on_frame(*live, out, now);
  } else {
    on_hello(out, now);
  }
  update_state(out, "", now);
  return out;
}

Actions Protocol::changes(std::span<const sticky::SessionChange> list, bool overflowed,
                          const std::vector<PoolDigest>* digests, TimePoint now) {
  Actions out;
  auto* live = std::get_if<Streaming>(&phase_);
  if (live == nullptr) return out;  // the snapshot of the next connection has them
  if (overflowed) live->sender.lose_changes();
  if (overflowed || !live->sender.add(list, now)) {
    resync_both(*live, "too many changes at once");
  } else if (digests != nullptr) {
    if (live->compare && list.empty()) compare(*live, *digests, now);
    if (live->sender.barrier_due(now)) {
      live->sender.set_barrier(*digests, live->receiver.applied(), now);
    }
  }
  live->compare.reset();
  update_state(out, "", now);
  return out;
}

Actions Protocol::pump(size_t room, TimePoint now) {
  Actions out;
  auto* live = std::get_if<Streaming>(&phase_);
  if (live == nullptr || room == 0) return out;
  size_t used = 0;
  if (live->resync_due) {
    out_frame_.Clear();
    out_frame_.mutable_resync()->set_reason(*std::exchange(live->resync_due, std::nullopt));
    used += add_frame(out);
  }
  if (std::exchange(live->ack_due, false)) {
    out_frame_.Clear();
    out_frame_.mutable_ack()->set_epoch(peer_epoch_);
    out_frame_.mutable_ack()->set_sequence(live->receiver.applied());
    used += add_frame(out);
  }
  if (now >= live->next_heartbeat) add_heartbeat(*live, out, now);
  while (used < room && add_turn(*live, out, used, now)) {
  }
  if (used < room && live->sender.barrier_due(now)) out.emplace_back(TakeDigests{});
  update_state(out, "", now);
  return out;
}

Actions Protocol::tick(TimePoint now) {
  Actions out;
  const bool was_asleep = now - std::exchange(last_tick_, now) > timing_.silence / 2;
  if (const auto* greeting = std::get_if<Greeting>(&phase_)) {
    if (now - greeting->since >= timing_.greeting) drop(out, "no hello from the peer", now);
  } else if (auto* live = std::get_if<Streaming>(&phase_)) {
    // Whoever slept cannot know who was silent: what the peer said meanwhile is still to be read.
    if (was_asleep) live->last_heard = now;
    const Duration silent = now - live->last_heard;
    if (silent >= timing_.silence) {
      const double seconds = std::chrono::duration<double>(silent).count();
      drop(out, fmt::format("silent for {:.1f}s", seconds), now);
    }
  }
  update_state(out, "", now);
  return out;
}

void Protocol::set_active(bool active) {
  if (std::exchange(active_, active) == active) return;
  if (auto* live = std::get_if<Streaming>(&phase_)) live->next_heartbeat = {};
}

// ---- frames

Result<uint32_t> Protocol::common_version(const wire::Hello& hello) const {
  const uint32_t highest = hello.protocol();
  const uint32_t lowest = hello.lowest_protocol() == 0 ? highest : hello.lowest_protocol();
  const uint32_t common = std::min(highest, self_.protocol);
  if (lowest <= highest && common >= std::max(lowest, self_.lowest_protocol)) return common;
  const auto range = [](uint32_t from, uint32_t to) {
    return from == to ? fmt::format("{}", to) : fmt::format("{} to {}", from, to);
  };
  return fail("protocol version {}, this node speaks {}", range(lowest, highest),
              range(self_.lowest_protocol, self_.protocol));
}

std::string Protocol::why_not_welcome(const wire::Frame& frame) const {
  const auto& hello = frame.hello();
  if (const auto version = common_version(hello); !version) return version.error().message;
  if (hello.node() != self_.peer) {
    return fmt::format("node '{}', this node's peer is '{}'", printable(hello.node()), self_.peer);
  }
  if (frame.epoch() == 0) return "epoch is missing";
  if (frame.epoch() == self_.epoch) return "epoch is this node's own";
  if (std::ranges::find(retired_epochs_, frame.epoch()) != retired_epochs_.end()) {
    return "stale epoch: a later life of that node was here already";
  }
  return {};
}

void Protocol::on_hello(Actions& out, TimePoint now) {
  if (!in_.has_hello()) return refuse(out, "first frame is no hello", now);
  if (auto why = why_not_welcome(in_); !why.empty()) return refuse(out, std::move(why), now);
  if (in_.epoch() != peer_epoch_) {
    if (peer_epoch_ != 0) retired_epochs_.push_back(peer_epoch_);
    if (retired_epochs_.size() > kRetiredEpochs) retired_epochs_.pop_front();
    peer_epoch_ = in_.epoch();
  }
  auto& live = phase_.emplace<Streaming>(tables_, limits_);
  live.last_heard = now;
  live.peer_active = in_.hello().active();
  live.config_differs = in_.hello().config_hash() != self_.config_hash;
  live.version = *common_version(in_.hello());
  trouble_.clear();
  const auto& theirs = in_.hello().features();
  for (Lane* const lane : lanes_) {
    if (std::ranges::find(theirs, lane->feature()) == theirs.end()) continue;
    live.lanes.push_back(lane);
    lane->up(in_.hello(), now);
  }
}

void Protocol::on_frame(Streaming& live, Actions& out, TimePoint now) {
  if (in_.epoch() != peer_epoch_) return refuse(out, "frame of another epoch", now);
  switch (in_.body_case()) {
    case wire::Frame::kSnapshotBegin:
    case wire::Frame::kChunk:
    case wire::Frame::kSnapshotEnd:
    case wire::Frame::kDelta:
    case wire::Frame::kBarrier:
      return on_data(live, out, now);
    case wire::Frame::kAck:
      if (in_.ack().epoch() != self_.epoch) return refuse(out, "ack for another epoch", now);
      if (!live.sender.acknowledged(in_.ack().sequence())) {
        return refuse(out, "ack for a frame that is not on its way", now);
      }
      return;
    case wire::Frame::kHeartbeat:
      return on_heartbeat(live, out);
    case wire::Frame::kResync:
      ++resyncs_;
      trouble_ = "the peer asked for a snapshot: " + printable(in_.resync().reason());
      return live.sender.start_snapshot();
    case wire::Frame::kHello:
      return refuse(out, "a second hello", now);
    default:
      return on_other(live, out, now);
  }
}

void Protocol::on_other(Streaming& live, Actions& out, TimePoint now) {
  const auto lane = std::ranges::find_if(
      live.lanes, [this](const Lane* each) { return each->takes(in_.body_case()); });
  if (lane == live.lanes.end()) {
    ++ignored_;
    return;
  }
  if (in_.ByteSizeLong() > Lane::kMaxFrameBytes) {
    return refuse(out, fmt::format("{}: frame too large", (*lane)->feature()), now);
  }
  if (auto status = (*lane)->take(in_, now); !status) {
    refuse(out, fmt::format("{}: {}", (*lane)->feature(), status.error().message), now);
  }
}

void Protocol::on_data(Streaming& live, Actions& out, TimePoint now) {
  switch (live.receiver.take(in_)) {
    case Receiver::Verdict::refused:
      return refuse(out, live.receiver.reason(), now);
    case Receiver::Verdict::resync:
      ++resyncs_;
      live.resync_due = trouble_ = live.receiver.reason();
      break;
    case Receiver::Verdict::skipped:
      break;
    case Receiver::Verdict::duplicate:
      ++refused_;
      break;
    case Receiver::Verdict::stored: {
      // What we removed and the peer could not know yet must not come back.
      live.receiver.drop_if([&](const auto& entry) { return live.sender.buried(entry); });
      const auto& entries = live.receiver.entries();
      if (!entries.empty()) out.emplace_back(Merge{entries, ours_wins_tie(live)});
      if (in_.has_barrier() && live.sender.all_said_by(in_.barrier().applied())) {
        live.compare = in_.barrier();
        out.emplace_back(TakeDigests{});
      }
      break;
    }
  }
  live.ack_due = true;
}

void Protocol::on_heartbeat(Streaming& live, Actions& out) {
  const auto& heartbeat = in_.heartbeat();
  live.peer_active = heartbeat.active();
  live.peer_lag_entries = heartbeat.queued();
  if (!heartbeat.has_status()) return;
  if (const uint64_t theirs = heartbeat.status().config_hash(); theirs != 0) {
    live.config_differs = theirs != self_.config_hash;
  }
  out.emplace_back(Heard{heartbeat.status()});
}

// ---- tables

/// Both sides must decide the same way: the Active's; where that says nothing, the lower name's.
bool Protocol::ours_wins_tie(const Streaming& live) const {
  return active_ != live.peer_active ? active_ : self_.node < self_.peer;
}

void Protocol::compare(Streaming& live, const std::vector<PoolDigest>& ours, TimePoint now) {
  // A pool that only one side has is no difference: its sessions come when the other is configured.
  for (const auto& theirs : live.compare->pools()) {
    const auto same = std::ranges::find_if(
        ours, [&](const auto& pool) { return tables_.pool_name(pool.pool) == theirs.pool(); });
    if (same == ours.end() || same->digest == sticky::TableDigest{theirs.entries(), theirs.sum()}) {
      continue;
    }
    if (now < differ_until_) return;
    differ_until_ = now + differ_pause_;
    differ_pause_ = std::min(differ_pause_ * 2, timing_.differ_pause_most);
    return resync_both(live, fmt::format("pool {}: {} sessions here, {} on the peer, or other ones",
                                         theirs.pool(), same->digest.entries, theirs.entries()));
  }
  differ_pause_ = timing_.differ_pause;
}

void Protocol::resync_both(Streaming& live, std::string reason) {
  ++resyncs_;
  trouble_ = reason;
  live.resync_due = std::move(reason);
  live.sender.start_snapshot();
}

// ---- ends

void Protocol::refuse(Actions& out, std::string reason, TimePoint now) {
  ++refused_;
  out_frame_.Clear();
  out_frame_.mutable_bye()->set_reason(reason);
  add_frame(out);
  drop(out, "refused: " + reason, now);
}

/// The one way out of any phase.
void Protocol::leave() {
  std::vector<Lane*> lanes;
  if (auto* live = std::get_if<Streaming>(&phase_)) lanes = std::move(live->lanes);
  phase_ = Disconnected{};
  for (Lane* const lane : lanes) lane->down();
}

void Protocol::drop(Actions& out, std::string reason, TimePoint now) {
  leave();
  trouble_ = reason;
  update_state(out, reason, now);
  out.emplace_back(Drop{std::move(reason)});
}

// ---- what is sent

size_t Protocol::add_frame(Actions& out) {
  out_frame_.set_epoch(self_.epoch);
  std::string payload = out_frame_.SerializeAsString();
  const size_t size = payload.size();
  out.emplace_back(Send{std::move(payload)});
  return size;
}

/// Each lane one frame, and the session stream one; false when nobody had any.
bool Protocol::add_turn(Streaming& live, Actions& out, size_t& used, TimePoint now) {
  bool any = false;
  for (Lane* const lane : live.lanes) {
    out_frame_.Clear();
    if (!lane->next(out_frame_, now)) continue;
    const size_t size = add_frame(out);
    assert(size <= Lane::kMaxFrameBytes && lane->takes(out_frame_.body_case()));
    used += size;
    any = true;
  }
  out_frame_.Clear();
  if (!live.sender.next(out_frame_, now)) return any;
  used += add_frame(out);
  return true;
}

void Protocol::add_hello(Actions& out) {
  out_frame_.Clear();
  auto& hello = *out_frame_.mutable_hello();
  hello.set_protocol(self_.protocol);
  hello.set_lowest_protocol(self_.lowest_protocol);
  hello.set_node(self_.node);
  hello.set_config_hash(self_.config_hash);
  hello.set_active(active_);
  for (Lane* const lane : lanes_) {
    hello.add_features(std::string(lane->feature()));
    lane->greet(hello);
  }
  add_frame(out);
}

void Protocol::add_heartbeat(Streaming& live, Actions& out, TimePoint now) {
  live.next_heartbeat = now + timing_.heartbeat;
  out_frame_.Clear();
  auto& heartbeat = *out_frame_.mutable_heartbeat();
  heartbeat.set_active(active_);
  heartbeat.set_queued(live.sender.lag_entries());
  heartbeat.set_lag_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(live.sender.lag(now)).count()));
  *heartbeat.mutable_status() = own_status_();
  heartbeat.mutable_status()->clear_peer();
  if (heartbeat.ByteSizeLong() > kMaxStatusBytes) heartbeat.mutable_status()->clear_services();
  add_frame(out);
}

// ---- state

State Protocol::judge(TimePoint now) const {
  const auto* live = std::get_if<Streaming>(&phase_);
  if (live == nullptr) return State::disconnected;
  if (!live->sender.snapshot_acknowledged() || !live->receiver.live() || live->resync_due) {
    return State::snapshot;
  }
  const size_t lag = lag_entries();
  if (state_ == State::synced) {
    const bool behind = lag > kBehindAbove || live->sender.lag(now) > kBehindAfter;
    return behind ? State::catching_up : State::synced;
  }
  return lag < kSyncedBelow ? State::synced : State::catching_up;
}

void Protocol::update_state(Actions& out, std::string_view why, TimePoint now) {
  const State next = judge(now);
  if (next == state_) return;
  const State previous = std::exchange(state_, next);
  if (next == State::synced) trouble_.clear();
  std::string reason(why.empty() ? std::string_view(trouble_) : why);
  out.emplace_back(Changed{previous, next, std::move(reason)});
}

std::string Protocol::state_text() const {
  switch (state_) {
    case State::disconnected:
      return "disconnected";
    case State::snapshot: {
      const auto* live = std::get_if<Streaming>(&phase_);
      const uint32_t percent =
          live == nullptr ? 0 : std::min(live->sender.percent(), live->receiver.percent());
      return fmt::format("snapshot {}%", percent);
    }
    case State::catching_up:
      return fmt::format("catching up {}", lag_entries());
    case State::synced:
      return "synced";
  }
  return "disconnected";
}

size_t Protocol::lag_entries() const {
  const auto* live = std::get_if<Streaming>(&phase_);
  return live == nullptr ? 0 : std::max(live->sender.lag_entries(), live->peer_lag_entries);
}

Duration Protocol::lag(TimePoint now) const {
  const auto* live = std::get_if<Streaming>(&phase_);
  return live == nullptr ? Duration::zero() : live->sender.lag(now);
}

uint32_t Protocol::version() const {
  const auto* live = std::get_if<Streaming>(&phase_);
  return live == nullptr ? 0 : live->version;
}

std::vector<std::string_view> Protocol::features() const {
  std::vector<std::string_view> out;
  if (const auto* live = std::get_if<Streaming>(&phase_)) {
    for (const Lane* lane : live->lanes) out.push_back(lane->feature());
  }
  return out;
}

std::string Protocol::detail() const {
  if (!trouble_.empty()) return trouble_;
  const auto* live = std::get_if<Streaming>(&phase_);
  return live != nullptr && live->config_differs ? "the peer's configuration file differs" : "";
}

}  // namespace hapair::lbcore::replicate
