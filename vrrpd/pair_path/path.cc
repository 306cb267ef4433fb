#include "vrrpd/pair_path/path.h"

#include <algorithm>
#include <utility>

namespace hapair::vrrp {

namespace {

constexpr size_t kSentKept = 256;
constexpr Duration kLeastDown = 100ms;  // a fast pace must not make a short stall the peer's death

}  // namespace

const RouterWord* PeerView::find(uint32_t id) const {
  const auto at = std::find_if(routers.begin(), routers.end(),
                               [&](const RouterWord& word) { return word.id == id; });
  return at == routers.end() ? nullptr : &*at;
}

Path::Path(const PairKeys& keys, const std::string& node, const std::string& peer, Life& life)
    : life_(life) {
  node_ = node;
  peer_.node = peer;
  set_keys(keys);
}

void Path::set_keys(const PairKeys& keys) {
  own_key_ = path_key(keys.used, node_);
  peer_keys_ = {path_key(keys.used, peer_.node)};
  if (keys.also) peer_keys_.push_back(path_key(*keys.also, peer_.node));
}

PathMessage Path::message(const OwnView& own) const {
  return {.stamp = {},
          .echo = window_.newest(),
          .pace = own.pace,
          .answer = false,
          .serving = own.serving,
          .in_sync = own.in_sync,
          .demoted = own.demoted,
          .routers = own.routers,
          .handover = own.handover};
}

std::vector<uint8_t> Path::compose(const OwnView& own, bool ask, TimePoint now) {
  own_pace_ = own.pace;
  PathMessage out = message(own);
  out.stamp = life_.next();
  out.answer = ask || !peer_.alive || !proven_epoch_;
  sent_.push_back({out.stamp, now});
  if (sent_.size() > kSentKept) sent_.pop_front();
  return encode(out, own_key_);
}

std::vector<uint8_t> Path::last_will(OwnView own) const {
  for (RouterWord& word : own.routers) {
    word.resigns = word.role == Role::active;
    word.role = Role::initialize;
    word.witness_age.reset();
  }
  own.handover = {};
  PathMessage out = message(own);
  out.stamp = life_.last_will();
  return encode(out, own_key_);
}

std::optional<TimePoint> Path::sent_at(const Stamp& echo) const {
  const auto at =
      std::lower_bound(sent_.begin(), sent_.end(), echo,
                       [](const Sent& sent, const Stamp& stamp) { return sent.stamp < stamp; });
  if (at == sent_.end() || at->stamp != echo) return std::nullopt;
  return at->at;
}

tl::expected<Path::News, PathRefusal> Path::receive(std::span<const uint8_t> datagram,
                                                    TimePoint now) {
  auto decoded = decode(datagram, peer_keys_.front());
  if (!decoded && decoded.error() == PathRefusal::authentication && peer_keys_.size() > 1) {
    decoded = decode(datagram, peer_keys_.back());
  }
  if (!decoded) return tl::unexpected(decoded.error());
  PathMessage& in = *decoded;
  if (!window_.admits(in.stamp)) return tl::unexpected(PathRefusal::replayed);

  News news;
  const uint64_t epoch_before = window_.newest().epoch;
  const bool last_will = in.stamp.sequence == kLastSequence;
  // Prepared in advance, it echoes what was new then: it counts in the epochs for which it was
  // written, and a new epoch of either side makes it worthless.
  if (last_will &&
      (!proven_epoch_ || in.stamp.epoch != epoch_before || in.echo.epoch != life_.epoch())) {
    return tl::unexpected(PathRefusal::replayed);
  }
  window_.take(in.stamp);
  if (in.stamp.epoch != epoch_before) {
    proven_epoch_ = false;
    news.new_epoch = true;
  }
  if (life_.step_above(in.echo.epoch)) news.new_epoch = true;

  if (!last_will) {
    const auto proven = sent_at(in.echo);
    const Duration fresh = 4 * std::max({own_pace_, in.pace, Duration(25ms)});
    news.answer = in.answer;
    if (!proven || now - *proven > fresh) {
      news.answer = true;  // what it needs to be live
      return news;
    }
    news.proven = *proven;
    proven_epoch_ = true;
    peer_pace_ = in.pace;
    peer_.heard = now;
    news.risen = !std::exchange(peer_.alive, true);
    news.answer = news.answer || news.risen;  // heard one way only until now, it may be
  }
  news.live = true;
  news.handover = std::move(in.handover);
  for (const RouterWord& word : in.routers) {
    if (!word.resigns || word.role == Role::active) continue;
    const RouterWord* known = peer_.find(word.id);
    if (known != nullptr && known->role == Role::active) news.resigned.push_back(word.id);
  }
  peer_.serving = in.serving;
  peer_.in_sync = in.in_sync;
  peer_.demoted = in.demoted;
  peer_.routers = std::move(in.routers);
  return news;
}

std::optional<TimePoint> Path::alive_until() const {
  if (!peer_.alive) return std::nullopt;
  return peer_.heard + std::max(peer_pace_ * 7 / 2, kLeastDown);
}

bool Path::check(TimePoint now) {
  const auto until = alive_until();
  if (!until || now < *until) return false;
  peer_.alive = false;
  return true;
}

std::optional<uint64_t> Path::peer_epoch() const {
  if (!proven_epoch_) return std::nullopt;
  return window_.newest().epoch;
}

}  // namespace hapair::vrrp
