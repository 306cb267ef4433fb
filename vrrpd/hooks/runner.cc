#include "vrrpd/hooks/runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr size_t kLargestMessage = size_t{256} << 10;
constexpr int kLinesPerHook = 50;

std::vector<std::string> with_path(std::vector<std::string> environment) {
  environment.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  return environment;
}

Hook hook_of(const hooks::Job& job) {
  return {.router = job.router(),
          .kind = static_cast<HookKind>(std::min(job.kind(), 3U)),
          .number = job.number(),
          .program = job.program(),
          .environment = {job.environment().begin(), job.environment().end()},
          .timeout = std::chrono::microseconds(job.timeout_us())};
}

}  // namespace

Runner::Runner(Logger& log, UniqueFd channel)
    : log_(log), channel_(std::move(channel)), watcher_(loop_.raw()) {
  watcher_.set<Runner, &Runner::on_channel>(this);
  watcher_.start(channel_.get(), ev::READ);
}

void Runner::run() {
  hooks::FromRunner hello;
  hello.mutable_hello();
  tell(hello);
  loop_.run();
}

void Runner::on_channel(ev::io&, int) {
  std::string buffer(kLargestMessage, '\0');
  while (true) {
    const ssize_t got = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return on_channel_end();
    hooks::ToRunner message;
    if (!message.ParseFromArray(buffer.data(), static_cast<int>(got))) {
      log_.bug("hooks", "a message of the speaker's is not readable");
    } else if (message.has_job()) {
      on_job(message.job());
    } else if (message.has_plan()) {
      on_plan(message.plan());
    }
  }
}

/// Guardian and speaker are gone. What must still be said is said, in the time that it was given.
void Runner::on_channel_end() {
  watcher_.stop();
  ending_ = true;
  scripts_.clear();
  for (const Hook& hook : queue_.keep_only_stops()) {
    if (!hook.program.empty())
      log_.info("hooks", "{} of {} is not run: vrrpd ends", name(hook.kind), hook.router);
  }
  if (hook_ && hook_->kind != HookKind::stop) child_->end_early();
  run_next();
}

void Runner::tell(const hooks::FromRunner& message) {
  const std::string text = message.SerializeAsString();
  // Full only when no speaker reads: the next one asks for everything anew.
  (void)::send(channel_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// --- Hooks ---------------------------------------------------------------------------------------

void Runner::on_job(const hooks::Job& job) {
  const Hook hook = hook_of(job);
  const HookQueue::Added added = queue_.add(hook);
  if (added.superseded) report(*added.superseded, hooks::Report::SUPERSEDED);
  if (added.outcome == HookQueue::Outcome::unchanged) report(hook, hooks::Report::UNCHANGED);
  if (added.outcome == HookQueue::Outcome::full) report(hook, hooks::Report::REFUSED);
  run_next();
}

void Runner::run_next() {
  while (std::optional<Hook> hook = queue_.next()) {
    if (hook->program.empty()) {
      report(*hook, hooks::Report::DONE, "no program");
      queue_.finished();
      continue;
    }
    begun_ = loop_.refresh_now();
    lines_ = 0;
    report(*hook, hooks::Report::BEGUN);
    log_.info("hooks", "{} of {}: runs {}", name(hook->kind), hook->router, hook->program);
    hook_ = std::move(hook);
    child_ = std::make_unique<Child>(
        loop_,
        Child::Launch{.argv = {hook_->program},
                      .environment = with_path(hook_->environment),
                      .timeout = hook_->timeout},
        [this](std::string_view line) {
          if (++lines_ <= kLinesPerHook)
            log_.info("hooks", "{} of {}: {}", name(hook_->kind), hook_->router, line);
        },
        [this](const Child::End& end) { on_hook_end(end); });
    return;
  }
  if (ending_ && !queue_.running()) loop_.stop();
}

void Runner::on_hook_end(const Child::End& end) {
  const Hook hook = std::move(*std::exchange(hook_, std::nullopt));
  const Duration took = loop_.refresh_now() - begun_;
  if (lines_ > kLinesPerHook) {
    log_.environment("hooks", "{} of {}: {} more lines were dropped", name(hook.kind), hook.router,
                     lines_ - kLinesPerHook);
  }
  if (end.good) {
    log_.info("hooks", "{} of {}: done in {} ms", name(hook.kind), hook.router,
              std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  } else {
    log_.environment("hooks", "{} of {}: {} {}", name(hook.kind), hook.router, hook.program,
                     end.how);
  }
  report(hook, end.good ? hooks::Report::DONE : hooks::Report::FAILED, end.how, took);
  queue_.finished();
  // We are inside a callback of the child.
  loop_.defer([this, gone = std::shared_ptr<Child>(std::move(child_))] { run_next(); });
}

void Runner::report(const Hook& hook, hooks::Report::What what, const std::string& detail,
                    Duration took) {
  hooks::FromRunner message;
  hooks::Report& out = *message.mutable_report();
  out.set_router(hook.router);
  out.set_kind(static_cast<uint32_t>(hook.kind));
  out.set_number(hook.number);
  out.set_what(what);
  out.set_detail(detail);
  out.set_took_us(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  tell(message);
}

// --- Track scripts -------------------------------------------------------------------------------

/// The plan is whole: what it does not name ends, what it names unchanged goes on undisturbed.
void Runner::on_plan(const hooks::Plan& plan) {
  std::set<std::string> named;
  for (const hooks::Script& wanted : plan.scripts()) {
    named.insert(wanted.name());
    const auto known = scripts_.find(wanted.name());
    if (known != scripts_.end() &&
        known->second->plan.SerializeAsString() == wanted.SerializeAsString()) {
      tell_verdict(*known->second);
      continue;
    }
    auto script =
        std::make_unique<Script>(loop_, wanted, [this, name = wanted.name()] { run_script(name); });
    if (known != scripts_.end()) {  // changed: its verdict stays until it has another
      const Script& old = *known->second;
      if (old.state.decided()) script->state.decide(old.state.up());
      script->reason = old.reason;
    }
    script->due.arm(loop_.now());
    tell_verdict(*script);
    scripts_[wanted.name()] = std::move(script);
  }
  std::erase_if(scripts_, [&](const auto& item) { return !named.contains(item.first); });
}

void Runner::run_script(const std::string& name) {
  Script& script = *scripts_.at(name);
  // At a steady cadence, as long as it keeps up.
  const TimePoint next = script.due.at() + std::chrono::microseconds(script.plan.interval_us());
  script.due.arm(std::max(next, loop_.now()));
  if (script.child) {  // the last run has not ended: it has its own time
    script.due.arm(loop_.now() + std::chrono::microseconds(script.plan.interval_us()));
    return;
  }
  ++script.runs;
  script.last_line.clear();
  script.child = std::make_unique<Child>(
      loop_,
      Child::Launch{.argv = {script.plan.argv().begin(), script.plan.argv().end()},
                    .environment = with_path({"HAPAIR_TRACK=" + name}),
                    .timeout = std::chrono::microseconds(script.plan.timeout_us())},
      [&script](std::string_view line) { script.last_line = line; },
      [this, name](const Child::End& end) { on_script_end(name, end); });
}

void Runner::on_script_end(const std::string& name, const Child::End& end) {
  const auto found = scripts_.find(name);
  if (found == scripts_.end()) return;
  Script& script = *found->second;
  loop_.defer([gone = std::shared_ptr<Child>(std::move(script.child))] {});
  const bool decided = script.state.decided();
  const bool was_up = script.state.up();
  (void)script.state.result(end.good);
  if (!end.good) {
    script.reason =
        end.how + (script.last_line.empty() ? "" : fmt::format(" ({})", script.last_line));
  }
  if (!decided || was_up != script.state.up()) tell_verdict(script);
}

void Runner::tell_verdict(const Script& script) {
  if (!script.state.decided()) return;
  hooks::FromRunner message;
  hooks::Verdict& out = *message.mutable_verdict();
  out.set_name(script.plan.name());
  out.set_good(script.state.up());
  if (!script.state.up()) out.set_reason(script.reason);
  out.set_runs(script.runs);
  tell(message);
}

}  // namespace hapair::vrrp
