#include "lbcore/health/command_runner.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/spawn.h"
#include "lbcore/health/command_helper.h"

namespace hapair::lbcore::health {

namespace {

constexpr int kLastWordsMs = 500;

}  // namespace

CommandRunner::CommandRunner(EventLoop& loop, const std::string& program)
    : program_(program.empty() ? "/proc/self/exe" : program), watcher_(loop.raw()) {
  watcher_.set<CommandRunner, &CommandRunner::on_readable>(this);
}

CommandRunner::~CommandRunner() {
  if (helper_ == 0) return;
  // It kills what it has started and goes; then our end of the pair says so.
  ::shutdown(fd_.get(), SHUT_WR);
  pollfd gone{.fd = fd_.get(), .events = 0, .revents = 0};
  ::poll(&gone, 1, kLastWordsMs);
  reap_helper();
}

Result<uint32_t> CommandRunner::run(CommandOrder order, Done done) {
  if (helper_ == 0) {
    if (const Status started = start_helper(); !started) return tl::unexpected(started.error());
  }
  const uint32_t id = ++last_id_;
  order.id = id;
  auto& command = commands_[id];
  command = {.order = std::move(order), .done = std::move(done)};
  if (slots_.enter(id)) send(command.order);
  return id;
}

void CommandRunner::cancel(uint32_t id) {
  const auto found = commands_.find(id);
  if (found == commands_.end()) return;
  if (slots_.runs(id)) {
    // Its place is taken until it is really gone.
    found->second.done = nullptr;
    send({.id = id});
  } else {
    slots_.leave(id);
    commands_.erase(found);
  }
}

Status CommandRunner::start_helper() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail_system("start the helper for commands");
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, theirs.get(), kHelperSocket);
  // A group of its own: Ctrl-C at the terminal is for lbcore.
  const SpawnAttributes attributes(POSIX_SPAWN_SETPGROUP);
  std::string name = "lbcore";
  std::string option = kHelperOption;
  const std::array<char*, 3> argv{name.data(), option.data(), nullptr};
  const std::array<char*, 1> environment{nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program_.c_str(), &files, attributes.get(), argv.data(),
                                  environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) return fail_system("start the helper for commands", error);
  helper_ = pid;
  fd_ = std::move(ours);
  watcher_.start(fd_.get(), ev::READ);
  return {};
}

/// A helper that does not take a message is dead, or as good as dead: the end of its socket
/// follows.
void CommandRunner::send(const CommandOrder& order) {
  const std::string message = encode(order);
  if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    ::kill(helper_, SIGKILL);
  }
}

void CommandRunner::on_readable(ev::io&, int) {
  std::array<char, 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written
  while (helper_ != 0) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return on_helper_death();
    const auto end = decode_end({buffer.data(), static_cast<size_t>(got)});
    if (end) take(*end);
  }
}

void CommandRunner::take(const CommandEnd& end) {
  if (const auto next = slots_.leave(end.id)) send(commands_.at(*next).order);
  const auto found = commands_.find(end.id);
  if (found == commands_.end()) return;
  const Done done = std::move(found->second.done);
  commands_.erase(found);
  if (done) done(&end);
}

void CommandRunner::on_helper_death() {
  reap_helper();
  slots_.clear();
  std::vector<uint32_t> lost;
  for (const auto& [id, command] : commands_) lost.push_back(id);
  for (const uint32_t id : lost) {
    const auto found = commands_.find(id);
    if (found == commands_.end()) continue;  // cancelled by one before it
    const Done done = std::move(found->second.done);
    commands_.erase(found);
    if (done) done(nullptr);
  }
}

void CommandRunner::reap_helper() {
  watcher_.stop();
  fd_.reset();
  ::kill(helper_, SIGKILL);
  while (::waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  helper_ = 0;
}

}  // namespace hapair::lbcore::health
