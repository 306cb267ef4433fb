#include "vrrpd/guardian/guardian.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

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
constexpr size_t kMessageBytes = size_t{64} << 10;

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("died by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

int64_t us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
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
      stop_hooks_take_(config_.stop_hooks_take()),
      operating_(operating),
      runners_(operating.runners),
      signals_(guardian_signals()),
      signal_fd_(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK)),
      estate_(shared_) {
  if (!signal_fd_) throw_system("listen to signals");
}

int Guardian::run() {
  decide(Begin{});
  while (!exit_code_) {
    std::optional<TimePoint> until = watch_.deadline();
    if (const auto due = runners_.due(); due && (!until || *due < *until)) until = due;
    wait(until);
    if (!exit_code_) decide(TimePassed{});
    runners_.look_after(log_, Clock::now());
  }
  const bool any = stop_hooks_take_ > Duration::zero();
  runners_.finish(any ? stop_hooks_take_ + kStopHooksGrace : Duration::zero());
  return *exit_code_;
}

void Guardian::decide(const WatchEvent& event) {
  for (const WatchAction& action : watch_.step(event, view(), Clock::now())) execute(action);
}

View Guardian::view() const {
  const Board& board = shared_.board();
  return {.alive = board.alive.get(),
          .in_place = speaker_ && board.in_place.load() == board.life.load(),
          .fastest = Duration(board.fastest.load())};
}

void Guardian::execute(const WatchAction& action) {
  switch (action.verb) {
    case Verb::spawn:
      return spawn(action.why);
    case Verb::terminate:
      ::kill(speaker_->pid, SIGTERM);
      return;
    case Verb::kill:
      log_.environment("guardian", "the speaker {}: kills it", action.why);
      ::kill(speaker_->pid, SIGKILL);
      return;
    case Verb::bury:
      return bury(action.why);
    case Verb::renew:
      for (const std::string& failure : estate_.renew(Clock::now())) {
        log_.environment("guardian", "renew the lease: {}", failure);
      }
      return;
    case Verb::exit:
      exit_code_ = action.code;
      return;
  }
}

void Guardian::bury(const std::string& why) {
  const TimePoint begin = Clock::now();
  const Estate::Burial done = estate_.bury();
  if (done.addresses + done.resigns > 0) {
    log_.environment("guardian", "{}released {} addresses and resigned {} times in {} us",
                     why.empty() ? "" : why + ": ", done.addresses, done.resigns,
                     us(Clock::now() - begin));
  }
  for (const std::string& failure : done.failures) log_.environment("guardian", "{}", failure);
}

// --- The speaker's life --------------------------------------------------------------------------

void Guardian::spawn(const std::string& why) {
  Child next;
  std::array<int, 2> pair{};
  next.dying.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!next.dying || ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    log_.environment("guardian", "{}", system_error("make a channel to the speaker").message);
    return decide(SpawnFailed{});
  }
  next.channel.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  next.lifeline = std::make_unique<Lifeline>();
  shared_.board().life.fetch_add(1);
  next.pid = fork_alone();
  if (next.pid < 0) {
    log_.environment("guardian", "{}", system_error("start the speaker").message);
    return decide(SpawnFailed{});
  }
  if (next.pid == 0) be_speaker(next, theirs);
  speaker_ = std::move(next);
  if (std::exchange(reload_asked_, false)) ::kill(speaker_->pid, SIGHUP);
  if (!why.empty()) log_.environment("guardian", "starts another speaker: {}", why);
}

/// Other threads' locks stay taken in a child for ever: none of ours may be about to take one.
pid_t Guardian::fork_alone() {
  for (Child& child : going_) child.lifeline->join();
  const auto still = log_.keep_writer_still();
  return ::fork();
}

/// In the child. The guardian's logger has no thread here and is never touched again: _exit runs no
/// destructors. The channel stays open to the very end: its end is ours.
void Guardian::be_speaker(Child& self, const UniqueFd& channel) {
  ::prctl(PR_SET_NAME, "vrrpd-speaker");
  // Our copies of the guardian's ends would hide the guardian's death.
  self.channel.reset();
  for (Child& child : going_) child.channel.reset();
  signal_fd_.reset();
  self.lifeline->hold();
  runners_.be_speakers();
  (void)::send(channel.get(), "H", 1, MSG_NOSIGNAL);
  int code = 0;
  const std::string refused =
      become_realtime();  // before the first thread, which shall be an ordinary one
  {
    Logger log("vrrpd");
    try {
      if (!refused.empty() && !ready_) log.environment("speaker", "goes on without {}", refused);
      // Reloaded since the guardian started. Its file may be broken by now; this text is not.
      if (const auto text = shared_.config()) {
        auto reloaded = parse_config(*text, options_.config, options_.node);
        if (reloaded) config_ = std::move(*reloaded);
      }
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
  std::array<char, kMessageBytes> buffer;  // NOLINT: filled by recv
  while (speaker_) {
    const ssize_t got = ::recv(speaker_->channel.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return on_death();
    on_message({buffer.data(), static_cast<size_t>(got)});
  }
}

/// One letter and what belongs to it (speaker.cc): H, it holds its lifeline; P, it is in place; S,
/// its status; C, it has another configuration.
void Guardian::on_message(std::string_view message) {
  const std::string text(message.substr(1));
  switch (message.front()) {
    case 'H':
      speaker_->lifeline->watch([fd = speaker_->dying.get()] { ::eventfd_write(fd, 1); });
      return;
    case 'P':
      if (died_at_ != TimePoint{}) {
        log_.info("guardian", "the next speaker is in place after {} us",
                  us(Clock::now() - died_at_));
      }
      return;
    case 'S':
      notify_supervisor((std::exchange(ready_, true) ? "STATUS=" : "READY=1\nSTATUS=") + text);
      return;
    case 'C':
      return on_config(text);
    default:
      log_.bug("guardian", "the speaker says something unknown");
  }
}

/// "nanoseconds that stop hooks take", then the users that hooks run as, each on a line.
void Guardian::on_config(const std::string& text) {
  std::istringstream lines(text);
  Duration::rep take = 0;
  lines >> take;
  stop_hooks_take_ = Duration(take);
  std::set<std::string> users;
  for (std::string user; lines >> user;) users.insert(user);
  runners_.want(users, &log_);
}

/// The speaker can do nothing more: its only thread that acts is dead, or the whole process.
void Guardian::on_death() {
  ::kill(speaker_->pid, SIGKILL);  // whatever is left of it
  died_at_ = Clock::now();
  const View last = view();
  going_.push_back(std::move(*speaker_));
  speaker_.reset();
  for (const WatchAction& action : watch_.step(SpeakerDied{}, last, Clock::now())) execute(action);
}

/// Nothing is left of a dead speaker.
void Guardian::on_end(Child& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  const bool refused = WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart;
  const bool as_asked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!as_asked) log_.environment("guardian", "the speaker {}", how_ended(status));
  decide(SpeakerGone{.cannot_start = refused});
}

// --- Waiting and signals -------------------------------------------------------------------------

void Guardian::wait(std::optional<TimePoint> until) {
  const auto readable = [](int fd) { return pollfd{.fd = fd, .events = POLLIN, .revents = 0}; };
  std::vector<pollfd> fds{readable(signal_fd_.get()),
                          readable(speaker_ ? speaker_->dying.get() : -1),
                          readable(speaker_ ? speaker_->channel.get() : -1)};
  const size_t first_going = fds.size();
  for (const Child& child : going_) {
    fds.push_back({.fd = child.channel.get(), .events = 0, .revents = 0});  // its end only
  }
  timespec timeout{};
  if (until) {
    const auto left = std::max<Duration>(*until - Clock::now(), Duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timeout.tv_sec = static_cast<time_t>(seconds.count());
    timeout.tv_nsec = static_cast<long>((left - seconds).count());
  }
  if (::ppoll(fds.data(), fds.size(), until ? &timeout : nullptr, nullptr) <= 0) return;
  // Those that were dead already; dying adds to their number.
  std::vector<Child> ended;
  for (size_t i = fds.size(); i-- > first_going;) {
    if ((fds[i].revents & (POLLHUP | POLLERR)) == 0) continue;
    const auto at = going_.begin() + static_cast<std::ptrdiff_t>(i - first_going);
    ended.push_back(std::move(*at));
    going_.erase(at);
  }
  const bool dead = fds[1].revents != 0;
  if (dead || fds[2].revents != 0) on_channel();  // what it said last
  if (dead && speaker_) on_death();
  if (fds[0].revents != 0) on_signal();
  for (Child& child : ended) on_end(child);
}

void Guardian::on_signal() {
  signalfd_siginfo info{};
  while (::read(signal_fd_.get(), &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
      case SIGTERM:
      case SIGINT:
        notify_supervisor("STOPPING=1");
        log_.info("guardian", "stopped by {}", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        decide(StopAsked{});
        break;
      case SIGHUP:
        // The speaker reads the file, on a thread of its own, and keeps the text for the next one.
        if (speaker_) {
          ::kill(speaker_->pid, SIGHUP);
        } else {
          reload_asked_ = true;
        }
        break;
      default:
        break;  // SIGCHLD: the channel says it earlier
    }
  }
}

}  // namespace hapair::vrrp
