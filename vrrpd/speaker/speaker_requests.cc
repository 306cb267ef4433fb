// What pairadm asks of the speaker, and its answers. Every request is answered once, some of them
// later: a handover when the peer has said something, a demotion when it is on disk.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/schema/control.pb.h"
#include "vrrpd/speaker/speaker.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

control::Reply refusal(control::Code code, std::string message) {
  control::Reply out;
  out.set_code(code);
  out.set_message(std::move(message));
  return out;
}

int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string who(const std::string& by) {
  return by.empty() ? "an operator" : one_line(by);
}

}  // namespace

/// A handover of several routers that the other node has: one after the other, until one is
/// refused. With the first one it may give them all.
struct Speaker::HandoverJob {
  ControlConnection::Id asker = 0;
  std::vector<std::string> left;  // to be done, the next one last
  bool all = false;
  control::Reply reply;
};

void Speaker::on_request(ControlConnection& from, std::string_view payload) {
  control::Request request;
  if (!request.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return answer(from.id(), refusal(control::INVALID, "not a request of control.proto"));
  }
  switch (request.command_case()) {
    case control::Request::kStatus:
      return answer(from.id(), status());
    case control::Request::kHandover:
      return on_handover(from, request.handover());
    case control::Request::kDemote:
      return on_demote(from, request.demote());
    case control::Request::kRestore:
      return on_restore(from, request.restore());
    case control::Request::kEvents:
      return events_.begin(from, request.events().follow());
    case control::Request::kCheckConfig:
      return on_check_config(from, request.check_config());
    case control::Request::kReload:
      log_.info("config", "uid {} asks for a reload", from.uid());
      reader_.request();
      return answer(from.id(), {});
    default:
      return answer(from.id(), refusal(control::UNSUPPORTED,
                                       "vrrpd answers status, handover, demote, restore and "
                                       "events; ask lbcore"));
  }
}

/// One at a time: the reader's thread has the path until it has read.
void Speaker::on_check_config(ControlConnection& from, const control::CheckConfig& request) {
  if (check_asker_) {
    return answer(from.id(), refusal(control::REFUSED, "vrrpd checks another file now: try again"));
  }
  check_asker_ = from.id();
  check_path_ = request.path();
  checker_.request();
}

void Speaker::on_checked(const Result<DaemonConfig>& checked) {
  if (!check_asker_) return;
  const auto asker = *std::exchange(check_asker_, std::nullopt);
  answer(asker, checked ? control::Reply() : refusal(control::INVALID, checked.error().message));
}

/// Whoever asked may be gone by now.
void Speaker::answer(ControlConnection::Id asker, const control::Reply& reply) {
  if (ControlConnection* to = control_.find(asker)) to->send(reply.SerializeAsString());
}

control::Reply Speaker::status() const {
  control::Reply reply;
  control::VrrpStatus& out = *reply.mutable_vrrp();
  out.set_node(node_);
  for (const auto& [name, instance] : instances_) {
    control::VrrpRouter& router = *out.add_routers();
    instance->write(router);
    write_hooks(*instance, router);
  }
  if (pair_) write(*out.mutable_pair());
  if (handover_.report()) write(*out.mutable_handover());
  const ServingLease& lease = lbcore_.lease();
  out.set_lbcore_connected(lease.connected());
  out.set_lbcore_serving(lease.serving());
  out.set_lbcore_reason(lease.trouble());
  out.set_uptime_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - started_).count()));
  out.set_version(HAPAIR_VERSION);
  if (demotion_) {
    out.mutable_demotion()->set_by(demotion_->by);
    out.mutable_demotion()->set_reason(demotion_->reason);
    const int64_t age_s = std::max<int64_t>(unix_seconds() - demotion_->since_unix, 0);
    out.mutable_demotion()->set_age_ms(static_cast<uint64_t>(age_s) * 1000);
  }
  return reply;
}

void Speaker::write_hooks(const Instance& router, control::VrrpRouter& out) const {
  if (router.config().hooks.user.empty()) return;
  const HookFeed::Counts counts = hooks_.counts(router.config().name);
  control::Hooks& hooks = *out.mutable_hooks();
  hooks.set_run(counts.run);
  hooks.set_failed(counts.failed);
  hooks.set_skipped(counts.skipped);
  hooks.set_refused(counts.refused);
  hooks.set_running(counts.running);
  hooks.set_last(counts.last);
}

// --- Handover ------------------------------------------------------------------------------------

/// Without a router's name: those that are Active here, else those that the other node may give us.
void Speaker::on_handover(ControlConnection& from, const control::HandoverRequest& request) {
  const std::string& wanted = request.router();
  if (!wanted.empty() && !instances_.contains(wanted)) {
    return answer(from.id(), refusal(control::NOT_FOUND, "no such router: " + wanted));
  }
  const bool any_active = std::ranges::any_of(
      instances_, [](const auto& item) { return item.second->role() == Role::active; });
  std::vector<std::string> names;
  for (const auto& [name, router] : instances_) {
    const Role needed = any_active ? Role::active : Role::backup;
    if (wanted.empty() ? router->role() == needed : name == wanted) names.push_back(name);
  }
  if (names.empty()) {
    return answer(from.id(),
                  refusal(control::REFUSED, "no router of this node is Active or Backup"));
  }
  const std::string by = who(request.by());
  tell_operation(wanted, fmt::format("handover asked for by {}", by));
  const bool to_peer = instances_.at(names.front())->role() == Role::active;
  if (!to_peer) {
    auto job = std::make_shared<HandoverJob>();
    job->asker = from.id();
    job->all = wanted.empty();
    job->left.assign(names.rbegin(), names.rend());
    return next_handover(job);
  }
  control::Reply reply;
  reply.mutable_outcome()->set_to_peer(true);
  for (const std::string& name : names) reply.mutable_outcome()->add_routers(name);
  Status begun = may_hand_over(names);
  if (request.force() && !handover_.under_way()) {
    begun = may_resign(names);
    for (const std::string& name : names) {
      if (begun) instances_.at(name)->hand_over(fmt::format("handed over by {}", by));
    }
  } else if (begun) {
    begun = hand_over(names, fmt::format("handed over by {}", by));
    if (handover_.under_way()) reply.mutable_outcome()->set_handover(handover_.report()->number);
  }
  if (!begun) {
    tell_operation(wanted, "handover refused: " + begun.error().message);
    return answer(from.id(), refusal(control::REFUSED, begun.error().message));
  }
  answer(from.id(), reply);
}

void Speaker::next_handover(const std::shared_ptr<HandoverJob>& job) {
  if (job->left.empty()) return answer(job->asker, job->reply);
  const std::string name = job->left.back();
  job->left.pop_back();
  const auto done = [this, job, name](const Status& status) {
    if (!status) {
      tell_operation(name, "handover refused: " + status.error().message);
      return answer(job->asker,
                    refusal(control::REFUSED, fmt::format("{}: {}", name, status.error().message)));
    }
    job->reply.mutable_outcome()->add_routers(name);
    next_handover(job);
  };
  const auto at = instances_.find(name);
  if (at == instances_.end()) return done(fail("is no router any more"));
  if (at->second->config().parameters.priority == kOwnerPriority) {
    return done(fail("the owner (priority 255) would take the role right back"));
  }
  if (at->second->role() == Role::active) return done({});  // it came with the one before
  ask_for_handover(name, job->all, done);
}

// --- Demotion ------------------------------------------------------------------------------------

void Speaker::on_demote(ControlConnection& from, const control::DemoteRequest& request) {
  if (demotion_) {
    return answer(from.id(),
                  refusal(control::ALREADY_EXISTS, node_ + " is " + demotion_->why() + " already"));
  }
  for (const auto& [name, router] : instances_) {
    if (router->role() != Role::active || request.force()) continue;
    if (const std::string why = why_peer_cannot_take(name); !why.empty()) {
      return answer(from.id(), refusal(control::REFUSED, fmt::format("{}: {}", name, why)));
    }
  }
  demotion_ = Demotion{
      .since_unix = unix_seconds(), .by = who(request.by()), .reason = one_line(request.reason())};
  tell_operation({}, demotion_->why());
  apply_demotion();
  keep_demotion(from.id());
}

void Speaker::on_restore(ControlConnection& from, const control::RestoreRequest& request) {
  tell_operation({}, "restored by " + who(request.by()));
  demotion_.reset();
  apply_demotion();
  for (auto& [name, router] : instances_) router->take_back();
  keep_demotion(from.id());
}

void Speaker::apply_demotion() {
  operating_.demotion.write(demotion_ ? demotion_->to_text() : std::string());
  for (auto& [name, router] : instances_) router->on_demotion(demotion_ ? demotion_->why() : "");
}

/// It counts already; the answer waits until it would survive a restart.
void Speaker::keep_demotion(ControlConnection::Id asker) {
  keeper_.keep(demotion_, [this, asker](const Status& kept) {
    if (!kept) {
      log_.environment("vrrpd", "{}", kept.error().message);
      return answer(asker, refusal(control::FAILED, "done, but a restart will not remember it: " +
                                                        kept.error().message));
    }
    answer(asker, control::Reply());
  });
}

void Speaker::tell_operation(const std::string& router, const std::string& what) {
  log_.info(router.empty() ? "vrrpd" : "vrrp " + router, "{}", what);
  events_.add({.kind = EventRecord::Kind::operation,
               .router = router,
               .from = {},
               .to = {},
               .reason = what});
}

}  // namespace hapair::vrrp
