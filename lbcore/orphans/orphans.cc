#include "lbcore/orphans/orphans.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::orphans {

namespace {

constexpr std::string_view kSubsystem = "orphans";
// About 64,000 per second: others on this thread get their turn, and networks are not flooded.
constexpr size_t kBatch = 64;
constexpr Duration kBetweenBatches = 1ms;
constexpr Duration kNoRoomPause = 5ms;

}  // namespace

Orphans::Orphans(EventLoop& loop, Logger& log, std::function<void()> wake)
    : loop_(loop), log_(log), wake_(std::move(wake)), next_(loop, [this] { send_some(); }) {}

void Orphans::tell(std::span<const Change> changes) {
  exchange_.tell(changes);
  if (exchange_.waits()) wake_();
}

void Orphans::hold(std::vector<IpAddress> addresses) {
  if (addresses == held_) return;
  const bool lost = std::ranges::any_of(held_, [&](const IpAddress& before) {
    return std::ranges::find(addresses, before) == addresses.end();
  });
  held_ = std::move(addresses);
  if (lost) exchange_.ask();
  if (exchange_.waits()) wake_();
  look();
}

Status Orphans::Heard::take(const replicate::wire::Frame& frame, TimePoint now) {
  auto taken = owner_.exchange_.take(frame, now);
  if (owner_.exchange_.waits()) owner_.wake_();
  if (taken) owner_.look();
  return taken;
}

void Orphans::look() {
  if (held_.empty() || exchange_.known() == 0) return;
  const auto dead = exchange_.take_dead(
      [this](const IpAddress& ours) { return std::ranges::find(held_, ours) != held_.end(); });
  if (dead.empty()) return;
  not_told_ += dead.size() - queue_.add(dead, loop_.now());
  if (!next_.armed()) next_.arm(loop_.now());
}

void Orphans::send_some() {
  const TimePoint now = loop_.now();
  // What is no longer ours to end, or lives here, needs no word.
  const auto batch = queue_.due(kBatch, now, [this](const Ends& each) {
    return std::ranges::find(held_, each.ours.ip) != held_.end() && !exchange_.holds(each);
  });
  const auto sent = sender_.challenge(batch.dead);
  queue_.tried(batch, sent.handled, now);
  if (sent.failed > 0 && trouble_lines_.allow(now)) {
    log_.environment(kSubsystem, "{} ends of dead connections are not told: {}", sent.failed,
                     sent.trouble);
  }
  if (batch.round == 0) {
    not_told_ += sent.failed;
    told_ += sent.handled - sent.failed;
    told_now_ += sent.handled - sent.failed;
  }
  if (queue_.all_tried() && told_now_ > 0) {
    log_.info(kSubsystem, "told {} clients and servers that their connections died with the peer",
              std::exchange(told_now_, 0));
  }
  if (const auto due = queue_.next_due()) {
    const bool stuck = sent.handled == 0 && !batch.dead.empty();
    next_.arm(std::max(*due, now + (stuck ? kNoRoomPause : kBetweenBatches)));
  }
}

control::Orphans Orphans::report() const {
  control::Orphans out;
  out.set_known(exchange_.known());
  out.set_told(told_);
  out.set_not_told(not_told_);
  out.set_left_out(exchange_.counters().left_out);
  out.set_said_anew(exchange_.counters().anew);
  return out;
}

}  // namespace hapair::lbcore::orphans
