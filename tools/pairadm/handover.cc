// handover: the other node becomes Active, whichever of the two this one is. Refused unless that
// one is ready. Where connections move along it waits for the end and tells what became of them;
// else --wait sees it to its end.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr Duration kPollEvery = 5ms;
constexpr Duration kWithConnections = 10s;  // longer than any of its steps may take

bool has_moved(const control::VrrpRouter& router, bool to_peer) {
  const bool active = router.router().state() == role::STATE_ACTIVE;
  return to_peer ? !active && router.heard_in_state() : active;
}

/// Whether every router of the outcome has its new Active.
bool is_done(const control::VrrpStatus& status, const control::Outcome& outcome) {
  return std::ranges::all_of(outcome.routers(), [&](const std::string& name) {
    return std::ranges::any_of(status.routers(), [&](const control::VrrpRouter& router) {
      return router.router().name() == name && has_moved(router, outcome.to_peer());
    });
  });
}

struct End {
  Duration took{0};
  std::optional<control::HandoverReport> report;  // of what moved with it
};

/// vrrpd's report when there is to be one, else what its routers show; nothing when it did not end
/// in time.
std::optional<End> wait_for_end(const Invocation& in, Shell& shell, const control::Outcome& outcome,
                                TimePoint begin) {
  control::Request request;
  request.mutable_status();
  const Call call{.daemon = "vrrpd", .run_dir = in.run_dir, .wait = in.wait};
  const Duration patience = in.has(Opt::wait) ? in.wait_for_end : kWithConnections;
  while (shell.now() - begin <= patience) {
    const auto reply = shell.ask(call, request);
    if (reply && reply->has_vrrp()) {
      const control::HandoverReport& report = reply->vrrp().handover();
      const bool ours = outcome.handover() != 0 && report.number() == outcome.handover();
      if (ours && report.finished()) return End{.took = shell.now() - begin, .report = report};
      if (!ours && is_done(reply->vrrp(), outcome)) {
        return End{.took = shell.now() - begin, .report = std::nullopt};
      }
    }
    shell.pause(kPollEvery);
  }
  return std::nullopt;
}

uint64_t cut(const control::HandoverReport& report) {
  uint64_t out = 0;
  for (const auto& [why, count] : report.moved().cut()) out += count;
  return out;
}

std::string in_words(const control::HandoverReport& report) {
  std::string out = fmt::format("connections moved {}, drained {}, cut {}", report.moved().moved(),
                                report.moved().drained(), cut(report));
  std::vector<std::string> reasons;
  for (const auto& [why, count] : report.moved().cut()) {
    reasons.push_back(fmt::format("{}: {}", why, count));
  }
  std::ranges::sort(reasons);
  if (!reasons.empty()) out += fmt::format(" ({})", fmt::join(reasons, ", "));
  if (report.moved().dark_us() > 0) {
    out += fmt::format("; VIPs dark for {:.0f} ms",
                       static_cast<double>(report.moved().dark_us()) / 1000);
  }
  if (!report.reason().empty()) out += "; " + report.reason();
  return out;
}

Json as_json(const control::HandoverReport& report) {
  const role::Moved& moved = report.moved();
  const auto ms = [](uint64_t us) { return static_cast<double>(us) / 1000; };
  Json reasons = Json::object();
  for (const auto& [why, count] : moved.cut()) reasons[why] = count;
  return {{"failed", report.failed()},
          {"reason", report.reason()},
          {"moved", moved.moved()},
          {"drained", moved.drained()},
          {"cut", reasons},
          {"dark_ms", ms(moved.dark_us())},
          {"prepare_ms", ms(moved.prepare_us())},
          {"quiesce_ms", ms(moved.quiesce_us())},
          {"freeze_ms", ms(moved.freeze_us())},
          {"send_ms", ms(moved.send_us())}};
}

}  // namespace

int run_handover(const Invocation& in, Shell& shell) {
  control::Request request;
  control::HandoverRequest& handover = *request.mutable_handover();
  handover.set_by(shell.user);
  handover.set_force(in.has(Opt::force));
  if (!in.operands.empty()) handover.set_router(in.operands.front());
  const TimePoint begin = shell.now();
  const auto reply = ask_vrrpd(in, shell, request);
  if (!reply) return reply.error();

  const control::Outcome& outcome = reply->outcome();
  const std::string routers = fmt::format("{}", fmt::join(outcome.routers(), ", "));
  const std::string_view whose = outcome.to_peer() ? "the other node" : "this node";
  std::optional<End> end;
  if (in.has(Opt::wait) || outcome.handover() != 0) {
    end = wait_for_end(in, shell, outcome, begin);
    if (!end) {
      shell.err << fmt::format("pairadm: {}: {} was not seen to become Active in time\n", routers,
                               whose);
      return kTimedOut;
    }
  }
  const bool failed = end && end->report && end->report->failed();
  const double ms = end ? std::chrono::duration<double, std::milli>(end->took).count() : 0;
  if (in.has(Opt::json)) {
    Json json{{"routers", std::vector(outcome.routers().begin(), outcome.routers().end())},
              {"to_peer", outcome.to_peer()}};
    json["took_ms"] = end ? Json(ms) : Json(nullptr);
    if (end && end->report) json["connections"] = as_json(*end->report);
    shell.out << json_text(json);
  } else if (failed) {
    shell.err << fmt::format("pairadm: {}: taken back, nothing is lost: {}\n", routers,
                             end->report->reason());
  } else if (end) {
    shell.out << fmt::format("{}: {} is Active after {:.0f} ms\n", routers, whose, ms);
    if (end->report) shell.out << in_words(*end->report) << "\n";
  } else {
    shell.out << fmt::format("{}: {} takes over\n", routers, whose);
  }
  return failed ? kFailed : kDone;
}

}  // namespace hapair::pairadm
