#include "lbcore/health/checker.h"

#include <algorithm>
#include <utility>

namespace hapair::lbcore::health {

Checker::Checker(CheckContext& context, std::shared_ptr<LiveServer> server, std::string name,
                 const CheckSpec& spec)
    : context_(context),
      server_(std::move(server)),
      name_(std::move(name)),
      state_(spec.rise, spec.fall),
      due_(context.loop.raw()) {
  due_.set<Checker, &Checker::on_due>(this);
  server_->up.store(false, std::memory_order_relaxed);
  server_->last_result.clear();
  server_->in_state_since = context_.loop.now();
  apply(spec);
}

Checker::~Checker() {
  // Nobody knows any more; should the server be configured again, its first check decides.
  server_->up.store(false, std::memory_order_relaxed);
}

void Checker::configure(std::string name, const CheckSpec& spec) {
  name_ = std::move(name);
  if (spec != spec_) apply(spec);
}

void Checker::apply(const CheckSpec& spec) {
  spec_ = spec;
  due_.stop();
  state_.set_thresholds(spec.rise, spec.fall);
  spread_due_ = true;
  probe_ = make_probe(context_.loop, context_.closer, server_->address, spec,
                      [this](const ProbeResult& result) { on_result(result); });
  if (probe_ != nullptr) {
    start_probe();
    return;
  }
  server_->last_result = "not checked";
  server_->last_result_at = context_.loop.now();
  const bool was_up = state_.up();
  state_.decide(true);
  if (!was_up) set_up(true, "not checked");
}

void Checker::on_due(ev::timer&, int) {
  start_probe();
}

void Checker::start_probe() {
  started_ = context_.loop.refresh_now();
  probe_->start();
}

void Checker::on_result(const ProbeResult& result) {
  schedule_next();
  server_->last_result = result.text();
  server_->last_result_at = context_.loop.now();
  if (result.environment()) {
    if (context_.environment_lines.allow(context_.loop.now())) {
      const uint64_t more = context_.environment_lines.take_suppressed();
      context_.log.environment(
          "check " + name_, "cannot check: {}; it stays {}{}", result.detail,
          state_.up() ? "up" : "down",
          more > 0 ? fmt::format(" ({} more suppressed)", more) : std::string());
    }
    return;
  }

  const bool first = !state_.decided();
  const uint32_t needed = first ? 1 : state_.threshold();
  if (state_.result(result.passed())) {
    set_up(state_.up(), needed > 1 ? fmt::format("{}, {} in a row", server_->last_result, needed)
                                   : server_->last_result);
  } else if (first) {
    context_.log.info("check " + name_, "stays down ({})", server_->last_result);
  }
}

/// From start to start, so that the pace does not depend on how fast the server answers. The first
/// pause has a random length: servers that were configured at the same moment are not checked at
/// the same moment ever after.
void Checker::schedule_next() {
  Duration pause = spec_.interval;
  if (std::exchange(spread_due_, false)) {
    pause = std::chrono::duration_cast<Duration>(
        pause * std::uniform_real_distribution<>(0.5, 1.0)(context_.random));
  }
  const TimePoint next = std::max(started_ + pause, context_.loop.refresh_now());
  due_.start(std::chrono::duration<double>(next - context_.loop.now()).count());
}

void Checker::set_up(bool up, const std::string& why) {
  server_->up.store(up, std::memory_order_relaxed);
  server_->in_state_since = context_.loop.now();
  context_.log.info("check " + name_, "{} ({})", up ? "down -> up" : "up -> down", why);
  if (context_.on_change) context_.on_change(*server_);
}

}  // namespace hapair::lbcore::health
