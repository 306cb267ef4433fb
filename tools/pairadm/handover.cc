// handover: the other node becomes Active, whichever of the two this one is. Refused unless that
// one is ready; --wait sees it to its end.
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

/// How long it took; nothing when it did not happen in time.
std::optional<Duration> wait_until_done(const Invocation& in, Shell& shell,
                                        const control::Outcome& outcome, TimePoint begin) {
  control::Request request;
  request.mutable_status();
  const Call call{.daemon = "vrrpd", .run_dir = in.run_dir, .wait = in.wait};
  while (shell.now() - begin <= in.wait_for_end) {
    const auto reply = shell.ask(call, request);
    if (reply && reply->has_vrrp() && is_done(reply->vrrp(), outcome)) return shell.now() - begin;
    shell.pause(kPollEvery);
  }
  return std::nullopt;
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
  std::optional<Duration> took;
  if (in.has(Opt::wait)) {
    took = wait_until_done(in, shell, outcome, begin);
    if (!took) {
      shell.err << fmt::format("pairadm: {}: {} was not seen to become Active in time\n", routers,
                               whose);
      return kTimedOut;
    }
  }
  const double ms = took ? std::chrono::duration<double, std::milli>(*took).count() : 0;
  if (in.has(Opt::json)) {
    Json json{{"routers", std::vector(outcome.routers().begin(), outcome.routers().end())},
              {"to_peer", outcome.to_peer()}};
    json["took_ms"] = took ? Json(ms) : Json(nullptr);
    shell.out << json_text(json);
  } else if (took) {
    shell.out << fmt::format("{}: {} is Active after {:.0f} ms\n", routers, whose, ms);
  } else {
    shell.out << fmt::format("{}: {} takes over\n", routers, whose);
  }
  return kDone;
}

}  // namespace hapair::pairadm
