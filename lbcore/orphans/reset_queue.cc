#include "lbcore/orphans/reset_queue.h"

#include <algorithm>

namespace hapair::lbcore::orphans {

size_t ResetQueue::add(const std::vector<Ends>& dead, TimePoint now) {
  const size_t room = most_ - std::min(most_, size());
  const size_t taken = std::min(room, dead.size());
  for (size_t i = 0; i < taken; ++i) rounds_[0].push_back({dead[i], now + kGaps[0]});
  return taken;
}

ResetQueue::Batch ResetQueue::due(size_t most, TimePoint now,
                                  const std::function<bool(const Ends&)>& dead) {
  Batch out;
  for (out.round = 0; out.round < rounds_.size(); ++out.round) {
    auto& waiting = rounds_[out.round];
    while (!waiting.empty() && waiting.front().at <= now && out.dead.size() < most) {
      if (dead(waiting.front().dead)) out.dead.push_back(waiting.front().dead);
      waiting.pop_front();
    }
    if (!out.dead.empty()) break;
  }
  return out;
}

void ResetQueue::tried(const Batch& batch, size_t count, TimePoint now) {
  for (size_t i = batch.dead.size(); i > count; --i) {
    rounds_[batch.round].push_front({batch.dead[i - 1], now});
  }
  const size_t next = batch.round + 1;
  if (next == rounds_.size()) return;
  for (size_t i = 0; i < count; ++i) {
    rounds_[next].push_back({batch.dead[i], now + kGaps[next]});
  }
}

std::optional<TimePoint> ResetQueue::next_due() const {
  std::optional<TimePoint> out;
  for (const auto& waiting : rounds_) {
    if (!waiting.empty() && (!out || waiting.front().at < *out)) out = waiting.front().at;
  }
  return out;
}

size_t ResetQueue::size() const {
  size_t out = 0;
  for (const auto& waiting : rounds_) out += waiting.size();
  return out;
}

}  // namespace hapair::lbcore::orphans
