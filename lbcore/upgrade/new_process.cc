#include "lbcore/upgrade/new_process.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lbcore/upgrade/spawn.h"

namespace hapair::lbcore::upgrade {

namespace {

constexpr std::string_view kSubsystem = "upgrade";
constexpr Duration kPatience = 30s;
constexpr Duration kLook = 5ms;

bool is_channel(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

std::unique_ptr<NewProcess> NewProcess::from_environment() {
  const char* text = std::getenv(kChannelVariable);
  if (text == nullptr) return nullptr;
  int number = -1;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || !is_channel(number)) {
    throw std::runtime_error(
        fmt::format("{}={}: there is no old process behind it", kChannelVariable, text));
  }
  ::unsetenv(kChannelVariable);
  UniqueFd fd(number);
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return std::unique_ptr<NewProcess>(new NewProcess(std::move(fd)));
}

Result<Inheritance> NewProcess::receive() {
  const TimePoint deadline = Clock::now() + kPatience;
  InheritanceReader reader;
  while (!reader.complete()) {
    auto packet = receive_packet(fd_.get(), deadline);
    if (!packet) return tl::unexpected(packet.error());
    if (auto taken = reader.take(packet->bytes, std::move(packet->descriptors)); !taken) {
      return tl::unexpected(taken.error());
    }
  }
  return reader.finish();
}

void NewProcess::fail(const std::string& reason) {
  wire::FromNew message;
  message.mutable_failed()->set_reason(reason.substr(0, kMostBytes / 2));
  if (fd_) send_packet(fd_.get(), message.SerializeAsString());
}

void NewProcess::prepare(Estate estate, Inheritance inheritance, std::function<void()> on_serving,
                         std::function<void()> on_failure) {
  estate_.emplace(estate);
  inheritance_ = std::move(inheritance);
  on_serving_ = std::move(on_serving);
  on_failure_ = std::move(on_failure);
  sessions_ = std::make_unique<SessionSink>(estate.balancer.registry(), estate.balancer.sessions());
  channel_ = std::make_unique<PacketChannel>(
      estate.loop, std::move(fd_),
      PacketChannel::Callbacks{.on_packet = [this](Packet packet) { on_packet(std::move(packet)); },
                               .on_room = {},
                               .on_close =
                                   [this](const std::string& reason) {
                                     if (!serving_) return broken(reason);
                                     estate_->log.info(kSubsystem, "pid {} has ended",
                                                       inheritance_.pid);
                                   }});
}

void NewProcess::on_packet(Packet packet) {
  wire::FromOld message;
  if (!message.ParseFromString(packet.bytes)) return broken("no message of an upgrade");
  if (message.has_sessions()) {
    const TimePoint now = estate_->loop.now();
    if (auto taken = sessions_->take(message.sessions(), serving_, now); !taken) {
      broken("sessions: " + taken.error().message);
    }
  } else if (message.has_sessions_end()) {
    has_sessions_ = true;
    ready_ticker_.emplace(estate_->loop, kLook, [this] { ready_if_so(); });
  } else if (message.has_commit() && !serving_) {
    commit(message.commit(), std::move(packet.descriptors));
  }
}

void NewProcess::ready_if_so() {
  if (!has_sessions_ || !estate_->balancer.may_take_over()) return;
  has_sessions_ = false;
  estate_->loop.defer([this] { ready_ticker_.reset(); });
  wire::FromNew message;
  wire::Ready& ready = *message.mutable_ready();
  ready.set_pid(static_cast<uint64_t>(::getpid()));
  ready.set_version(HAPAIR_VERSION);
  channel_->send(message.SerializeAsString());
}

void NewProcess::commit(const wire::Commit& commit, std::vector<UniqueFd> descriptors) {
  if (commit.has_role() && descriptors.size() != 1) {
    return broken("the connection of vrrpd did not come");
  }
  serving_ = true;
  auto& [loop, log, balancer, control, role, lock] = *estate_;
  balancer.take_over();
  control.adopt(std::move(inheritance_.control));
  role.adopt(std::move(inheritance_.role));
  if (commit.has_role()) {
    role.adopt(std::move(descriptors.front()), commit.role_uid(),
               {.in = commit.role_in(), .out = commit.role_out()},
               {commit.routers().begin(), commit.routers().end()});
  }
  if (const auto named = lock.sign(); !named) {
    log.environment(kSubsystem, "{}", named.error().message);
  }
  wire::FromNew message;
  message.mutable_took();
  channel_->send(message.SerializeAsString());
  log.info(kSubsystem, "serves instead of pid {} ({}), with {} sessions", inheritance_.pid,
           inheritance_.version, balancer.sessions().size());
  on_serving_();
}

void NewProcess::broken(const std::string& why) {
  if (serving_) {
    estate_->log.environment(kSubsystem, "pid {}: {}", inheritance_.pid, why);
    return;
  }
  estate_->log.environment(kSubsystem, "given up: {}", why);
  on_failure_();
}

}  // namespace hapair::lbcore::upgrade
