#include "lbcore/health/checker.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::health {

namespace {

constexpr double kJitter = 0.03;  // of a pause, either way

/// 0 to 1, evenly, the same for one server every time.
double share_of(uint64_t token) {
  return static_cast<double>(token >> 11) / static_cast<double>(uint64_t{1} << 53);
}

}  // namespace

Checker::Checker(CheckContext& context, const Endpoint& server, const CheckSpec& spec,
                 std::vector<Target> targets, const Checker* predecessor)
    : context_(context),
      token_(server_token(server)),
      spec_(spec),
      state_(predecessor != nullptr ? predecessor->state_ : RiseFall(spec.rise, spec.fall)),
      due_(context.loop.raw()) {
  due_.set<Checker, &Checker::on_due>(this);
  state_.set_thresholds(spec.rise, spec.fall);
  probe_ = make_probe(context_.tools, server, spec,
                      [this](const ProbeResult& result) { on_result(result); });
  if (predecessor != nullptr) {
    last_result_ = predecessor->last_result_;
    last_result_at_ = predecessor->last_result_at_;
  } else if (const LiveServer& live = *targets.front().live; live.in_state_since != TimePoint{}) {
    state_.decide(live.up.load(std::memory_order_relaxed));
    last_result_ = live.last_result;
    last_result_at_ = live.last_result_at;
  }
  if (probe_ == nullptr) {
    last_result_ = "not checked";
    last_result_at_ = context_.loop.now();
    state_.decide(true);
  }
  serve(std::move(targets));
  if (probe_ != nullptr) start_probe();
}

void Checker::serve(std::vector<Target> targets) {
  const std::vector<Target> before = std::exchange(targets_, std::move(targets));
  for (const Target& target : targets_) {
    const bool known =
        std::ranges::any_of(before, [&](const Target& other) { return other.live == target.live; });
    if (known) continue;
    LiveServer& live = *target.live;
    if (!state_.decided() || live.in_state_since == TimePoint{}) {
      live.in_state_since = context_.loop.now();
    }
    live.last_result = last_result_;
    live.last_result_at = last_result_at_;
    if (live.up.load(std::memory_order_relaxed) != state_.up()) set_up(target, last_result_);
  }
}

void Checker::on_due(ev::timer&, int) {
  start_probe();
}

void Checker::start_probe() {
  started_ = context_.loop.refresh_now();
  probe_->start();
}

void Checker::note(std::string result) {
  last_result_ = std::move(result);
  last_result_at_ = context_.loop.now();
  for (const Target& target : targets_) {
    target.live->last_result = last_result_;
    target.live->last_result_at = last_result_at_;
  }
}

void Checker::on_result(const ProbeResult& result) {
  note(result.text());
  if (result.environment()) {
    schedule_next();
    if (context_.environment_lines.allow(context_.loop.now())) {
      const uint64_t more = context_.environment_lines.take_suppressed();
      context_.log.environment(
          "check " + targets_.front().name, "cannot check: {}; it stays {}{}", result.detail,
          state_.up() ? "up" : "down",
          more > 0 ? fmt::format(" ({} more suppressed)", more) : std::string());
    }
    return;
  }

  const bool first = !state_.decided();
  const uint32_t needed = first ? 1 : state_.threshold();
  state_.result(result.passed());
  schedule_next();
  for (const Target& target : targets_) {
    // A hint may have said so already, or the contrary.
    if (target.live->up.load(std::memory_order_relaxed) != state_.up()) {
      set_up(target,
             needed > 1 ? fmt::format("{}, {} in a row", last_result_, needed) : last_result_);
    } else if (first) {
      context_.log.info("check " + target.name, "stays {} ({})", state_.up() ? "up" : "down",
                        last_result_);
    }
  }
}

void Checker::hint_up(const std::string& by) {
  if (state_.decided()) return;
  for (const Target& target : targets_) {
    LiveServer& live = *target.live;
    if (live.up.load(std::memory_order_relaxed)) continue;
    const TimePoint now = context_.loop.now();
    live.set_up(true, now);
    live.in_state_since = now;
    live.last_result = fmt::format("{} up by the word of {}", kHint, by);
    live.last_result_at = now;
    context_.log.info("check " + target.name, "down -> up ({})", live.last_result);
    if (context_.on_change) context_.on_change(live);
  }
}

void Checker::doubt() {
  if (probe_ == nullptr || !state_.decided() || state_.up()) return;
  state_ = RiseFall(spec_.rise, spec_.fall);
  if (!due_.is_active()) return;  // its probe is under way
  due_.stop();
  start_probe();
}

/// From start to start, so that the pace does not depend on how fast the server answers. The first
/// pause differs from server to server by up to an interval, and every one by a little: servers
/// that were configured at the same moment are not checked at the same moment ever after.
void Checker::schedule_next() {
  Duration pause = pause_between_probes(spec_, state_.against());
  double factor = std::uniform_real_distribution<>(1 - kJitter, 1 + kJitter)(context_.random);
  if (std::exchange(spread_due_, false)) factor = 0.5 + share_of(token_);
  pause = std::chrono::duration_cast<Duration>(pause * factor);
  const TimePoint next = std::max(started_ + pause, context_.loop.refresh_now());
  due_.start(std::chrono::duration<double>(next - context_.loop.now()).count());
}

void Checker::set_up(const Target& target, const std::string& why) {
  const bool up = state_.up();
  target.live->set_up(up, context_.loop.now());
  target.live->in_state_since = context_.loop.now();
  context_.log.info("check " + target.name, "{} ({})", up ? "down -> up" : "up -> down", why);
  if (context_.on_change) context_.on_change(*target.live);
}

}  // namespace hapair::lbcore::health
