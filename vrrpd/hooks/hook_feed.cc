#include "vrrpd/hooks/hook_feed.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr int kMessagesPerWakeup = 64;  // the heartbeat shares this loop
constexpr size_t kLargestReport = size_t{16} << 10;

uint64_t micros(Duration duration) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

void fill(hooks::Job& out, const Hook& hook) {
  out.set_router(hook.router);
  out.set_kind(static_cast<uint32_t>(hook.kind));
  out.set_number(hook.number);
  out.set_program(hook.program);
  for (const std::string& setting : hook.environment) out.add_environment(setting);
  out.set_timeout_us(micros(hook.timeout));
}

void fill(hooks::Script& out, const TrackScript& script) {
  out.set_name(script.name);
  for (const std::string& word : script.argv) out.add_argv(word);
  out.set_interval_us(micros(script.interval));
  out.set_timeout_us(micros(script.timeout));
  out.set_rise(script.rise);
  out.set_fall(script.fall);
}

}  // namespace

HookFeed::HookFeed(EventLoop& loop, Logger& log, const Runners& runners, Callbacks callbacks)
    : loop_(loop), log_(log), runners_(runners), callbacks_(std::move(callbacks)) {
  open_new_lines();
}

/// A reload may bring a user; the guardian has started its runner before we hear of it.
void HookFeed::open_new_lines() {
  for (size_t slot = 0; slot < kMostHookUsers; ++slot) {
    if (lines_[slot]) continue;
    const Runners::Channel channel = runners_.channel(slot);
    if (channel.user.empty()) continue;
    auto line = std::make_unique<Line>(loop_.raw());
    line->user = channel.user;
    line->fd = channel.fd;
    line->watcher.set<HookFeed, &HookFeed::on_readable>(this);
    line->watcher.start(channel.fd, ev::READ);
    lines_[slot] = std::move(line);
  }
}

HookFeed::Line* HookFeed::line_of(const std::string& user) {
  for (const auto& line : lines_) {
    if (line && line->user == user) return line.get();
  }
  return nullptr;
}

// --- What the runners are told -------------------------------------------------------------------

void HookFeed::post(Hook hook, const std::string& user) {
  hook.number = ++numbers_;
  Posted& posted = posted_[hook.router];
  posted.hook = std::move(hook);
  posted.user = user;
  posted.sent = false;
  posted.done = false;
  send_what_waits();
}

void HookFeed::plan(const std::vector<TrackScript>& scripts) {
  scripts_ = scripts;
  std::erase_if(verdicts_, [&](const auto& item) {
    return std::ranges::find(scripts_, item.first, &TrackScript::name) == scripts_.end();
  });
  open_new_lines();
  for (const auto& line : lines_) {
    if (line) line->plan_due = true;
  }
  send_what_waits();
}

void HookFeed::tick() {
  open_new_lines();
  send_what_waits();
}

void HookFeed::send_what_waits() {
  for (const auto& line : lines_) {
    if (!line || !line->plan_due) continue;
    hooks::ToRunner message;
    hooks::Plan& plan = *message.mutable_plan();
    for (const TrackScript& script : scripts_) {
      if (script.user == line->user) fill(*plan.add_scripts(), script);
    }
    line->plan_due = !send(*line, message);
  }
  for (auto& [router, posted] : posted_) {
    if (posted.sent) continue;
    Line* line = line_of(posted.user);
    // Without a runner there is no hook either, but for one that a reload has just brought.
    if (line == nullptr) continue;
    hooks::ToRunner message;
    fill(*message.mutable_job(), posted.hook);
    posted.sent = send(*line, message);
    if (posted.sent) continue;
    ++posted.counts.refused;
    if (!refusal_lines_.allow(loop_.now())) continue;
    log_.environment("hooks", "{} of {} waits: the queue of {}'s runner is full",
                     name(posted.hook.kind), router, posted.user);
  }
}

bool HookFeed::send(Line& line, const hooks::ToRunner& message) {
  const std::string text = message.SerializeAsString();
  return ::send(line.fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

// --- What they tell ------------------------------------------------------------------------------

void HookFeed::on_readable(ev::io& watcher, int) {
  for (const auto& line : lines_) {
    if (line && line->fd == watcher.fd) return read_from(*line);
  }
}

void HookFeed::read_from(Line& line) {
  std::array<char, kLargestReport> buffer{};
  for (int i = 0; i < kMessagesPerWakeup; ++i) {
    const ssize_t got = ::recv(line.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) return;
    if (got == 0) return line.watcher.stop();  // the guardian is gone, and we leave as well
    hooks::FromRunner message;
    if (!message.ParseFromArray(buffer.data(), static_cast<int>(got))) continue;
    if (message.has_report()) {
      on_report(message.report());
    } else if (message.has_verdict()) {
      on_verdict(message.verdict());
    } else if (message.has_hello()) {
      line.plan_due = true;
      for (auto& [router, posted] : posted_) {
        if (posted.user == line.user && !posted.done) posted.sent = false;
      }
      send_what_waits();
    }
  }
}

void HookFeed::on_report(const hooks::Report& report) {
  const auto found = posted_.find(report.router());
  if (found == posted_.end()) return;
  Posted& posted = found->second;
  Counts& counts = posted.counts;
  const auto kind = static_cast<HookKind>(std::min(report.kind(), 3U));
  const bool latest = report.number() == posted.hook.number;
  const bool had_program = !report.detail().starts_with("no program");
  std::string what;
  switch (report.what()) {
    case hooks::Report::BEGUN:
      counts.running = name(kind);
      what = "begun";
      break;
    case hooks::Report::DONE:
    case hooks::Report::FAILED:
      if (latest) posted.done = true;
      if (!had_program) return;
      counts.running.clear();
      ++counts.run;
      what = report.what() == hooks::Report::DONE ? "done" : "failed";
      if (what == "failed") ++counts.failed;
      counts.last =
          fmt::format("{} {}, took {} ms", name(kind), report.detail(), report.took_us() / 1000);
      break;
    case hooks::Report::SUPERSEDED:
      ++counts.skipped;
      what = "skipped";
      break;
    case hooks::Report::REFUSED:
      ++counts.refused;
      what = "refused";
      break;
    default:
      if (latest) posted.done = true;
      return;
  }
  if (callbacks_.on_hook) {
    callbacks_.on_hook(
        {.router = report.router(), .kind = kind, .what = what, .detail = report.detail()});
  }
}

void HookFeed::on_verdict(const hooks::Verdict& verdict) {
  if (std::ranges::find(scripts_, verdict.name(), &TrackScript::name) == scripts_.end()) return;
  Verdict& known = verdicts_[verdict.name()];
  const bool news = known.good != verdict.good();
  known = {.good = verdict.good(), .reason = verdict.reason(), .runs = verdict.runs()};
  if (news) callbacks_.on_verdict(verdict.name(), known);
}

const HookFeed::Verdict& HookFeed::verdict(const std::string& script) const {
  static const Verdict kNone{};
  const auto found = verdicts_.find(script);
  return found == verdicts_.end() ? kNone : found->second;
}

HookFeed::Counts HookFeed::counts(const std::string& router) const {
  const auto found = posted_.find(router);
  return found == posted_.end() ? Counts{} : found->second.counts;
}

}  // namespace hapair::vrrp
