#include "vrrpd/hooks/hook_queue.h"

#include <algorithm>
#include <utility>

namespace hapair::vrrp {

std::string_view name(HookKind kind) {
  switch (kind) {
    case HookKind::active:
      return "on_active";
    case HookKind::backup:
      return "on_backup";
    case HookKind::fault:
      return "on_fault";
    case HookKind::stop:
      return "on_stop";
  }
  return "unknown";
}

HookQueue::Added HookQueue::add(Hook hook) {
  Added out;
  const auto older = std::ranges::find(waiting_, hook.router, &Hook::router);
  if (older != waiting_.end()) {
    if (older->kind == hook.kind) {
      out.outcome = Outcome::unchanged;  // said again: the first one keeps its place
      return out;
    }
    out.superseded = std::move(*older);
    waiting_.erase(older);
  }
  const auto last = last_.find(hook.router);
  if (last != last_.end() && last->second == hook.kind) {
    out.outcome = Outcome::unchanged;
  } else if (last == last_.end() && last_.size() + waiting_.size() >= kMostRouters) {
    out.outcome = Outcome::full;
  } else {
    waiting_.push_back(std::move(hook));
  }
  return out;
}

std::optional<Hook> HookQueue::next() {
  if (running_ || waiting_.empty()) return std::nullopt;
  Hook hook = std::move(waiting_.front());
  waiting_.pop_front();
  last_[hook.router] = hook.kind;
  running_ = true;
  return hook;
}

std::vector<Hook> HookQueue::keep_only_stops() {
  std::vector<Hook> gone;
  std::erase_if(waiting_, [&](Hook& hook) {
    const bool goes = hook.kind != HookKind::stop || hook.program.empty();
    if (goes) gone.push_back(std::move(hook));
    return goes;
  });
  return gone;
}

}  // namespace hapair::vrrp
