#include "vrrpd/guardian/guardian.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/process.h"
#include "vrrpd/guardian/realtime.h"
#include "vrrpd/speaker/speaker.h"

namespace hapair::vrrp {

namespace {

constexpr int kCannotStart = 3;           // exit code of a speaker that the environment refused
constexpr Duration kStopHooksGrace = 3s;  // after their own time: SIGTERM, SIGKILL, and the log
constexpr Duration kStopWithin = 3s;     // then the speaker is killed and its testament carried out
constexpr Duration kLongEnough = 10s;    // a speaker that lived that long is replaced at once
constexpr Duration kFirstPause = 100ms;  // else after a pause, doubled each time
constexpr int kDoublings = 6;            // at most 6.4 s
constexpr size_t kTestamentBytes = size_t{256} << 10;

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("died by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

AdvSocket open_sender() {
  auto socket = AdvSocket::open_for_sending(AF_INET);
  if (!socket) throw std::runtime_error(socket.error().message);
  return std::move(*socket);
}

/// Nothing on a machine without IPv6: no router of ours has addresses of it there.
std::optional<AdvSocket> open_sender_v6() {
  auto socket = AdvSocket::open_for_sending(AF_INET6);
  return socket ? std::optional(std::move(*socket)) : std::nullopt;
}

/// From the speaker, which is this program: always 4 or 16 bytes.
IpAddress address_of(const std::string& bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());  // NOLINT: bytes
  return bytes.size() == 16 ? IpAddress::from_bytes(std::span<const uint8_t, 16>(data, 16))
                            : IpAddress::from_bytes(std::span<const uint8_t, 4>(data, 4));
}

}  // namespace

sigset_t guardian_signals() {
  sigset_t out;
  sigemptyset(&out);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&out, number);
  return out;
}

Guardian::Guardian(Logger& log, Options options, DaemonConfig config, Operating& operating)
    : log_(log),
      options_(std::move(options)),
      config_(std::move(config)),
      operating_(operating),
      runners_(operating.runners),
      signals_(guardian_signals()),
      signal_fd_(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK)),
      socket_(open_sender()),
      socket_v6_(open_sender_v6()),
      buffer_(kTestamentBytes) {
  if (!signal_fd_) throw_system("listen to signals");
  dying_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!dying_) throw_system("make an event descriptor");
}

int Guardian::run() {
  spawn();
  while (!exit_code_) {
    std::optional<TimePoint> until = restart_at_;
    if (kill_at_ && (!until || *kill_at_ < *until)) until = kill_at_;
    if (const auto due = runners_.due(); due && (!until || *due < *until)) until = due;
    wait(until);
    const TimePoint now = Clock::now();
    runners_.look_after(log_, now);
    if (kill_at_ && now >= *kill_at_) {
      kill_at_.reset();
      log_.environment("guardian", "the speaker does not stop: kills it");
      signal_speaker(SIGKILL);
    }
    if (restart_at_ && now >= *restart_at_) {
      restart_at_.reset();
      spawn();
    }
  }
  const Duration stop_hooks = config_.stop_hooks_take();
  runners_.finish(stop_hooks > Duration::zero() ? stop_hooks + kStopHooksGrace : stop_hooks);
  return *exit_code_;
}

// --- The speaker's life --------------------------------------------------------------------------

void Guardian::spawn() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return schedule_restart(system_error("make a channel to the speaker").message);
  }
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  testament_.Clear();
  lifeline_ = std::make_unique<Lifeline>();
  watched_ = false;
  spawned_at_ = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return schedule_restart(system_error("start the speaker").message);
  if (pid == 0) {
    // Our copy of the guardian's end would hide the guardian's death from us.
    ours.reset();
    be_speaker(theirs);
  }
  speaker_ = pid;
  channel_ = std::move(ours);
}

/// In the child. The guardian's logger has no thread here and is never touched again: _exit runs no
/// destructors. The channel stays open to the very end: its end is ours.
void Guardian::be_speaker(const UniqueFd& channel) {
  ::prctl(PR_SET_NAME, "vrrpd-speaker");
  signal_fd_.reset();
  lifeline_->hold();
  runners_.be_speakers();
  int code = 0;
  const std::string refused =
      become_realtime();  // before the first thread, which shall be an ordinary one
  {
    Logger log("vrrpd");
    try {
      if (!refused.empty() && !ready_) log.environment("speaker", "goes on without {}", refused);
      Speaker speaker(log, options_, config_, channel, shared_, operating_);
      ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);  // what came meanwhile is taken now
      speaker.run();
    } catch (const std::exception& error) {
      log.environment("speaker", "{}", error.what());
      code = kCannotStart;
    }
  }
  ::_exit(code);
}

void Guardian::on_channel() {
  while (true) {
    const ssize_t got = ::recv(channel_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return on_speaker_gone();
    testament::Testament next;
    if (!next.ParseFromArray(buffer_.data(), static_cast<int>(got))) {
      log_.bug("guardian", "the speaker's testament is not readable");
      continue;
    }
    const bool news = !ready_ || next.status() != testament_.status();
    testament_ = std::move(next);
    if (!std::exchange(watched_, true)) {  // it speaks: it holds its lifeline
      lifeline_->watch([fd = dying_.get()] { ::eventfd_write(fd, 1); });
    }
    if (news) notify_supervisor((ready_ ? "STATUS=" : "READY=1\nSTATUS=") + testament_.status());
    ready_ = true;
  }
}

/// Its main thread is dead. What it said last may still wait in the channel.
void Guardian::on_speaker_dying() {
  eventfd_t count = 0;
  if (::eventfd_read(dying_.get(), &count) != 0 || !channel_) return;
  on_channel();
  if (channel_) carry_out_testament();
}

void Guardian::on_speaker_gone() {
  carry_out_testament();
  channel_.reset();
  kill_at_.reset();

  int status = 0;
  signal_speaker(SIGKILL);  // it closed the channel: whatever is left of it must not act on
  while (::waitpid(speaker_, &status, 0) < 0 && errno == EINTR) {
  }
  speaker_ = -1;
  lifeline_.reset();
  eventfd_t told_already = 0;
  ::eventfd_read(dying_.get(), &told_already);  // or it would be taken for the next speaker's
  if (stopping_) {
    exit_code_ = 0;
    return;
  }
  if (!ready_ && WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart) {
    exit_code_ = 1;  // it has said why; another one would fail alike
    return;
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(carried_out_in_);
  schedule_restart(fmt::format("the speaker {}: released its addresses and resigned in {} us",
                               how_ended(status), took.count()));
}

/// The VIPs first: from the resign on, the peer may answer for them.
void Guardian::carry_out_testament() {
  if (testament_.routers().empty()) return;
  const TimePoint begin = Clock::now();
  std::vector<std::string> failures;
  for (const testament::Router& router : testament_.routers()) {
    std::vector<Prefix> addresses;
    addresses.reserve(static_cast<size_t>(router.addresses_size()));
    for (const testament::Address& address : router.addresses()) {
      addresses.push_back(
          {.ip = address_of(address.ip()), .length = static_cast<int>(address.length())});
    }
    for (const std::string& request : router.first()) {
      if (const Status done = routes_.send(request); !done)
        failures.push_back(done.error().message);
    }
    const Status removed = kernel_.remove(router.interface(), addresses);
    if (!removed) failures.push_back(removed.error().message);
  }
  for (const testament::Router& router : testament_.routers()) {
    if (!router.active()) continue;
    const auto* bytes = reinterpret_cast<const uint8_t*>(router.resign().data());  // NOLINT: bytes
    const IpAddress source = address_of(router.source());
    const AdvSocket& socket = source.is_v6() && socket_v6_ ? *socket_v6_ : socket_;
    const Status sent = socket.send(router.interface(), source, address_of(router.destination()),
                                    {bytes, router.resign().size()});
    if (!sent) failures.push_back(sent.error().message);
  }
  carried_out_in_ = Clock::now() - begin;
  testament_.Clear();
  for (const std::string& failure : failures) log_.environment("guardian", "{}", failure);
}

void Guardian::schedule_restart(const std::string& how_it_ended) {
  const TimePoint now = Clock::now();
  quick_deaths_ =
      now - spawned_at_ >= kLongEnough ? 0 : std::min(quick_deaths_ + 1, kDoublings + 1);
  const Duration pause =
      quick_deaths_ == 0 ? Duration::zero() : kFirstPause * (1 << (quick_deaths_ - 1));
  log_.environment("guardian", "{}; starts another in {} ms", how_it_ended,
                   std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
  restart_at_ = now + pause;
}

// --- Waiting and signals -------------------------------------------------------------------------

void Guardian::wait(std::optional<TimePoint> until) {
  std::array<pollfd, 3> fds{pollfd{.fd = channel_.get(), .events = POLLIN, .revents = 0},
                            pollfd{.fd = dying_.get(), .events = POLLIN, .revents = 0},
                            pollfd{.fd = signal_fd_.get(), .events = POLLIN, .revents = 0}};
  timespec timeout{};
  if (until) {
    const auto left = std::max<Duration>(*until - Clock::now(), Duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timeout.tv_sec = static_cast<time_t>(seconds.count());
    timeout.tv_nsec = static_cast<long>((left - seconds).count());
  }
  if (::ppoll(fds.data(), fds.size(), until ? &timeout : nullptr, nullptr) <= 0) return;
  if (fds[0].revents != 0) on_channel();
  if (fds[1].revents != 0) on_speaker_dying();
  if (fds[2].revents != 0) on_signal();
}

void Guardian::on_signal() {
  signalfd_siginfo info{};
  while (::read(signal_fd_.get(), &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
      case SIGTERM:
      case SIGINT:
        if (std::exchange(stopping_, true)) break;
        notify_supervisor("STOPPING=1");
        log_.info("guardian", "stopped by {}", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        if (speaker_ < 0) {
          exit_code_ = 0;
          break;
        }
        signal_speaker(SIGTERM);
        kill_at_ = Clock::now() + kStopWithin;
        break;
      case SIGHUP:
        reload();
        break;
      default:
        break;  // SIGCHLD: the channel says it earlier
    }
  }
}

/// The speaker reads the file itself; what is kept here is for the next speaker.
void Guardian::reload() {
  auto loaded = load_config(options_.config, options_.node);
  if (!loaded) {
    log_.environment("config", "the new configuration is invalid, nothing was changed:\n{}",
                     loaded.error().message);
    return;
  }
  config_ = std::move(*loaded);
  runners_.want(config_.hook_users(), &log_);
  signal_speaker(SIGHUP);
}

void Guardian::signal_speaker(int signal_number) const {
  if (speaker_ > 0) ::kill(speaker_, signal_number);
}

}  // namespace hapair::vrrp
