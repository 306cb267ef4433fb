// What the speaker does for operators: tells the hook runners which states were reached, and the
// routers what became of the scripts that they track.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vrrpd/speaker/speaker.h"

namespace hapair::vrrp {

namespace {

HookKind hook_for(Role role, bool stop) {
  if (stop) return HookKind::stop;
  switch (role) {
    case Role::active:
      return HookKind::active;
    case Role::backup:
      return HookKind::backup;
    case Role::initialize:
      return HookKind::fault;
  }
  return HookKind::fault;
}

std::string thing_name(const std::string& script) {
  return "track " + script;
}

}  // namespace

void Speaker::on_notify(const Instance& router, const Notify& what, bool stop) {
  events_.add({.kind = EventRecord::Kind::state,
               .router = router.config().name,
               .from = std::string(name(what.from)),
               .to = std::string(name(what.to)),
               .reason = what.reason});
  if (what.from != what.to || stop) post_hook(router, what, stop);
  if (!stop) groups_.moved(router.config().name, what.from);
}

void Speaker::post_hook(const Instance& router, const Notify& what, bool stop) {
  const RouterConfig& config = router.config();
  if (config.hooks.user.empty()) return;
  std::vector<std::string> addresses;
  for (const Prefix& vip : config.all_addresses()) addresses.push_back(vip.to_string());
  const HookKind kind = hook_for(what.to, stop);
  hooks_.post(
      {.router = config.name,
       .kind = kind,
       .number = 0,
       .program = config.hooks.of(kind),
       .environment = {"HAPAIR_ROUTER=" + config.name,
                       fmt::format("HAPAIR_STATE={}", stop ? "Stop" : name(what.to)),
                       fmt::format("HAPAIR_PREVIOUS={}", name(what.from)),
                       "HAPAIR_REASON=" + what.reason, fmt::format("HAPAIR_VRID={}", config.vrid),
                       "HAPAIR_INTERFACE=" + config.interface,
                       fmt::format("HAPAIR_ADDRESSES={}", fmt::join(addresses, " ")),
                       "HAPAIR_NODE=" + node_},
       .timeout = config.hooks.timeout},
      config.hooks.user);
}

void Speaker::on_hook(const HookFeed::Happened& happened) {
  std::string text = fmt::format("{} {}", name(happened.kind), happened.what);
  if (!happened.detail.empty()) text += ": " + happened.detail;
  events_.add({.kind = EventRecord::Kind::hook,
               .router = happened.router,
               .from = {},
               .to = {},
               .reason = std::move(text)});
}

void Speaker::tell_lbcore() {
  const ServingLease& lease = lbcore_.lease();
  std::string text = lease.serving() ? (lease.in_sync() ? "serves, in sync" : "serves, not in sync")
                                     : "does not serve: " + lease.trouble();
  if (text == told_of_lbcore_) return;
  told_of_lbcore_ = text;
  events_.add({.kind = EventRecord::Kind::lbcore,
               .router = {},
               .from = {},
               .to = {},
               .reason = std::move(text)});
}

void Speaker::tell_pair() {
  if (!pair_ || pair_->peer().alive == told_of_peer_) return;
  told_of_peer_ = pair_->peer().alive;
  events_.add({.kind = EventRecord::Kind::peer,
               .router = {},
               .from = {},
               .to = {},
               .reason = fmt::format("{} is {} on the pair path", pair_->peer().node,
                                     told_of_peer_ ? "heard" : "silent")});
}

void Speaker::tell_config(const std::string& what) {
  events_.add(
      {.kind = EventRecord::Kind::config, .router = {}, .from = {}, .to = {}, .reason = what});
}

void Speaker::on_script(const std::string& script, const HookFeed::Verdict& verdict) {
  events_.add({.kind = EventRecord::Kind::track,
               .router = {},
               .from = {},
               .to = verdict.good.value_or(true) ? "good" : "bad",
               .reason = script + (verdict.reason.empty() ? "" : ": " + verdict.reason)});
  if (verdict.good.value_or(true)) {
    log_.info(thing_name(script), "good");
  } else {
    log_.info(thing_name(script), "bad: {}", verdict.reason);
  }
  for (auto& [name, router] : instances_) apply_scripts(*router);
}

/// What the router tracks now, with the verdicts that there are.
void Speaker::apply_scripts(Instance& router) {
  const std::vector<std::string>& tracked = router.config().track;
  router.forget_tracked([&](const std::string& known) {
    const bool script = known.starts_with(thing_name(""));
    return !script || std::ranges::any_of(tracked, [&](const std::string& name) {
      return thing_name(name) == known;
    });
  });
  for (const std::string& name : tracked) {
    const auto script = std::ranges::find(scripts_, name, &TrackScript::name);
    if (script == scripts_.end()) continue;
    const HookFeed::Verdict& verdict = hooks_.verdict(name);
    router.on_tracked(thing_name(name),
                      {.weight = script->weight, .good = verdict.good, .reason = verdict.reason});
  }
}

}  // namespace hapair::vrrp
