#include "lbcore/upgrade/old_process.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "common/units.h"
#include "lbcore/relay/socket.h"
#include "lbcore/upgrade/spawn.h"

namespace hapair::lbcore::upgrade {

namespace {

constexpr std::string_view kSubsystem = "upgrade";
constexpr Duration kPreparePatience = 30s;  // also for first checks of servers that are new
constexpr Duration kCommitPatience = 2s;
constexpr size_t kMostQueued = 8;       // packets; sessions wait then
constexpr size_t kMostBacklog = 10000;  // packets; changes of sessions are lost then

uint64_t in_ms(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(duration / 1ms, 0));
}

}  // namespace

Status OldProcess::begin(std::vector<control::Request> changes, Duration patience, Done done) {
  if (step_ == Step::done) return fail("this process was upgraded already");
  if (step_ != Step::idle) return fail("an upgrade is under way");
  auto sockets = packet_sockets();
  if (!sockets) return tl::unexpected(sockets.error());
  const auto pid = spawn(program_.path, program_.arguments, sockets->second.get());
  if (!pid) return tl::unexpected(pid.error());
  estate_.log.info(kSubsystem, "{} runs as pid {} and prepares", program_.path, *pid);

  step_ = Step::gathering;
  pid_ = *pid;
  changes_ = std::move(changes);
  patience_ = patience;
  done_ = std::move(done);
  sent_all_sessions_ = lost_changes_ = false;
  channel_ = std::make_unique<PacketChannel>(
      estate_.loop, std::move(sockets->first),
      PacketChannel::Callbacks{.on_packet = [this](const Packet& packet) { on_packet(packet); },
                               .on_room = [this] { send_sessions(); },
                               .on_close =
                                   [this](const std::string&) {
                                     if (!under_way()) return;
                                     failed("it ended before it served; its log says why");
                                   }});
  deadline_.emplace(estate_.loop, kPreparePatience, [this] {
    failed(fmt::format("it was not ready within {}", format_duration(kPreparePatience)));
  });
  estate_.balancer.share_listeners(
      [this, attempt = ++attempt_](Result<Balancer::Listeners> listeners) {
        if (attempt != attempt_ || step_ != Step::gathering) return;
        if (!listeners) return failed(listeners.error().message);
        send_preparations(std::move(*listeners));
      });
  return {};
}

void OldProcess::abandon(const std::string& why) {
  if (under_way()) failed(why);
}

// ---- preparing

void OldProcess::send(const wire::FromOld& message, std::vector<UniqueFd> descriptors) {
  channel_->send(message.SerializeAsString(), std::move(descriptors));
}

bool OldProcess::send_resource(wire::Resource::Kind kind, int fd) {
  if (fd < 0) return true;  // there is none
  std::vector<UniqueFd> one;
  one.push_back(relay::duplicate(fd));
  if (!one.front()) return false;
  wire::FromOld message;
  message.mutable_resource()->set_kind(kind);
  send(message, std::move(one));
  return true;
}

void OldProcess::send_preparations(Balancer::Listeners listeners) {
  step_ = Step::preparing;
  wire::FromOld message;
  wire::Begin& begin = *message.mutable_begin();
  begin.set_protocol(kProtocol);
  begin.set_pid(static_cast<uint64_t>(::getpid()));
  begin.set_version(HAPAIR_VERSION);
  begin.set_active(estate_.balancer.active());
  send(message);

  if (!send_resource(wire::Resource::LOCK, estate_.lock.descriptor()) ||
      !send_resource(wire::Resource::CONTROL, estate_.control.listener()) ||
      !send_resource(wire::Resource::ROLE, estate_.role.listener()) ||
      !send_resource(wire::Resource::STATUS, estate_.balancer.status_listener()) ||
      !send_resource(wire::Resource::PAIR, estate_.balancer.pair_listener())) {
    return failed("no descriptors are left");
  }
  for (const auto& service : estate_.balancer.topology().services) {
    auto& sockets = listeners[{service->spec.protocol, service->spec.listen}];
    // A service without sockets is told of, too.
    for (bool first = true; first || !sockets.empty(); first = false) {
      const auto count = static_cast<ptrdiff_t>(std::min(sockets.size(), kMostDescriptors));
      std::vector<UniqueFd> some;
      std::move(sockets.begin(), sockets.begin() + count, std::back_inserter(some));
      sockets.erase(sockets.begin(), sockets.begin() + count);
      wire::Listener& listener = *message.mutable_listener();
      listener.set_protocol(service->spec.protocol == Protocol::udp ? control::PROTOCOL_UDP
                                                                    : control::PROTOCOL_TCP);
      listener.set_listen(service->spec.listen.to_string());
      listener.set_sockets(static_cast<uint32_t>(count));
      send(message, std::move(some));
    }
  }
  send_servers();
  for (control::Request& change : changes_) {
    *message.mutable_change() = std::move(change);
    send(message);
  }
  changes_.clear();
  for (runtime::Record& record : estate_.balancer.runtime_records()) {
    *message.mutable_record() = std::move(record);
    send(message);
  }
  message.mutable_prepare();
  send(message);

  sessions_ =
      std::make_unique<SessionSource>(estate_.balancer.registry(), estate_.balancer.sessions(),
                                      [this](const wire::FromOld& sessions) { send(sessions); });
  estate_.balancer.watch_sessions([this](const auto& changes) {
    if (!channel_ || !channel_->open()) return;
    if (channel_->queued() < kMostBacklog) {
      sessions_->changes(changes);
    } else {
      lost_changes_ = true;
    }
  });
}

void OldProcess::send_servers() {
  const TimePoint now = estate_.loop.now();
  wire::FromOld message;
  for (const auto& pool : estate_.balancer.topology().pools) {
    for (const Server& each : pool->servers) {
      const LiveServer& live = *each.live;
      if (live.last_result_at == TimePoint{}) continue;  // nothing is known of it
      wire::Server& server = *message.mutable_server();
      server.set_pool(live.pool);
      server.set_address(live.address.to_string());
      server.set_up(live.up);
      server.set_result(live.last_result);
      server.set_result_age_ms(in_ms(now - live.last_result_at));
      server.set_in_state_ms(in_ms(now - live.in_state_since));
      send(message);
    }
  }
}

void OldProcess::send_sessions() {
  if (step_ != Step::preparing || sent_all_sessions_) return;
  while (channel_->queued() < kMostQueued) {
    if (sessions_->slice(estate_.loop.now())) continue;
    wire::FromOld message;
    message.mutable_sessions_end();
    send(message);
    sent_all_sessions_ = true;
    return;
  }
}

void OldProcess::on_packet(const Packet& packet) {
  wire::FromNew message;
  if (!under_way() || !message.ParseFromString(packet.bytes)) return;
  if (message.has_failed()) return failed(message.failed().reason());
  if (message.has_ready() && step_ == Step::preparing && sent_all_sessions_) {
    version_ = message.ready().version();
    return commit();
  }
  if (message.has_took() && step_ == Step::committing) return succeeded();
}

// ---- committing

void OldProcess::commit() {
  if (lost_changes_ || sessions_->overflowed()) {
    return failed("sessions change faster than it reads of them");
  }
  step_ = Step::committing;
  deadline_.emplace(estate_.loop, kCommitPatience,
                    [this] { failed("it was ready, and then did not serve"); });
  estate_.balancer.leave_pair_link();
  estate_.control.pause_accepting();
  wire::FromOld message;
  wire::Commit& commit = *message.mutable_commit();
  std::vector<UniqueFd> descriptors;
  if (auto vrrpd = estate_.role.suspend()) {
    descriptors.push_back(relay::duplicate(vrrpd->fd));
    if (!descriptors.front()) return failed("no descriptors are left");
    commit.set_has_role(true);
    commit.set_role_uid(vrrpd->uid);
    commit.set_role_in(vrrpd->rest.in);
    commit.set_role_out(vrrpd->rest.out);
    const control::NodeStatus status = estate_.balancer.status();
    *commit.mutable_routers() = status.routers();
  }
  send(message, std::move(descriptors));
}

void OldProcess::succeeded() {
  step_ = Step::done;
  deadline_.reset();
  control::Upgraded outcome;
  outcome.set_old_pid(static_cast<uint64_t>(::getpid()));
  outcome.set_old_version(HAPAIR_VERSION);
  outcome.set_new_pid(static_cast<uint64_t>(pid_));
  outcome.set_new_version(version_);
  outcome.set_connections(estate_.balancer.open_connections());
  outcome.set_timeout_ms(in_ms(patience_));
  // The supervisor takes this word from its main process only: now, not later.
  notify_supervisor(fmt::format("MAINPID={}", pid_));
  estate_.log.info(kSubsystem,
                   "pid {} ({}) serves; {} connections stay with this process for {} at most", pid_,
                   version_, outcome.connections(), format_duration(patience_));
  estate_.role.leave();
  estate_.balancer.retire(patience_);
  std::exchange(done_, nullptr)(std::move(outcome));
  estate_.control.leave();
}

void OldProcess::failed(const std::string& why) {
  // It must not serve after all, whatever it is doing. Its end of the channel is open: it is alive.
  if (channel_->open()) ::kill(pid_, SIGKILL);
  if (step_ == Step::committing) {
    estate_.role.resume();
    estate_.control.resume_accepting();
    estate_.balancer.return_to_pair_link();
  }
  step_ = Step::idle;
  estate_.balancer.watch_sessions(nullptr);
  estate_.log.environment(kSubsystem, "failed, nothing has changed: pid {}: {}", pid_, why);
  // All of these may be on the stack below.
  estate_.loop.defer([channel = std::shared_ptr<PacketChannel>(std::move(channel_)),
                      sessions = std::shared_ptr<SessionSource>(std::move(sessions_))] {});
  estate_.loop.defer([this, attempt = attempt_] {
    if (attempt == attempt_) deadline_.reset();
  });
  std::exchange(done_, nullptr)(fail("{}", why));
}

}  // namespace hapair::lbcore::upgrade
