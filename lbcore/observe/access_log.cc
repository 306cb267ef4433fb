#include "lbcore/observe/access_log.h"

#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

namespace hapair::lbcore::observe {

namespace {

constexpr Duration kInterval = 100ms;
constexpr Duration kOpenAgain = 1s;
constexpr int kStallMs = 100;
constexpr Duration kLastWrite = 1s;
constexpr mode_t kMode = 0640;
constexpr std::string_view kStderr = "stderr";

std::chrono::system_clock::duration wall_clock() {
  return std::chrono::system_clock::now().time_since_epoch() -
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             Clock::now().time_since_epoch());
}

Result<UniqueFd> open_target(const std::string& target) {
  if (target == kStderr) {
    UniqueFd fd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return fail_system("stderr");
    return fd;
  }
  // A pipe without a reader must not hold us.
  UniqueFd fd(::open(target.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode));
  if (!fd) return fail_system(target);
  return fd;
}

}  // namespace

AccessLog::AccessLog(Logger& log, size_t workers) : log_(log) {
  for (size_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<AccessRing>());
}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable()) writer_.join();
}

void AccessLog::configure(const AccessLogSettings& settings) {
  const bool wanted = !settings.target.empty();
  for (auto& ring : rings_) ring->want(wanted);
  {
    const std::lock_guard lock(mutex_);
    if (settings == settings_) return;
    open_again_ = open_again_ || settings.target != settings_.target;
    settings_ = settings;
  }
  if (wanted && !writer_.joinable()) {
    // Signals belong to the main thread.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    writer_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(writer_.native_handle(), "access-log");
  }
  wake_.notify_one();
}

void AccessLog::reopen() {
  {
    const std::lock_guard lock(mutex_);
    open_again_ = true;
  }
  wake_.notify_one();
}

uint64_t AccessLog::lines() const {
  uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->pushed();
  return sum;
}

uint64_t AccessLog::dropped() const {
  uint64_t sum = lost_.load(std::memory_order_relaxed);
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

std::string AccessLog::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

// ---- The writer's thread

void AccessLog::run() {
  std::string text;
  TimePoint tried{};
  while (true) {
    AccessLogSettings settings;
    bool again = false;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      // An idle log costs nothing: without a target only a change wakes us.
      const auto wake_up = [this] { return open_again_ || stopping_; };
      if (settings_.target.empty()) {
        wake_.wait(lock, wake_up);
      } else if (!wake_up()) {
        wake_.wait_for(lock, kInterval);
      }
      settings = settings_;
      again = std::exchange(open_again_, false);
      last = stopping_;
    }
    // What was made so far belongs into the file that is open.
    if (fd_) drain(settings.format, text);
    if (again || (!fd_ && !settings.target.empty() && Clock::now() - tried >= kOpenAgain)) {
      open(settings);
      tried = Clock::now();
    }
    drain(settings.format, text);
    if (last) return;
  }
}

void AccessLog::drain(AccessFormat format, std::string& text) {
  text.clear();
  size_t lines = 0;
  const auto wall = wall_clock();
  for (auto& ring : rings_) {
    ring->drain([&](const AccessRecord& record) {
      append_line(text, record, format, wall);
      ++lines;
    });
  }
  if (lines > 0) write(text, lines);
}

void AccessLog::open(const AccessLogSettings& settings) {
  fd_.reset();
  if (settings.target.empty()) return set_trouble({});
  auto fd = open_target(settings.target);
  if (!fd) return set_trouble(fd.error().message);
  struct stat what {};
  regular_ = ::fstat(fd->get(), &what) == 0 && S_ISREG(what.st_mode);
  fd_ = std::move(*fd);
  set_trouble({});
}

/// A file takes all at once; a pipe or terminal takes pieces that cannot block, each when it is
/// ready for one.
void AccessLog::write(const std::string& text, size_t lines) {
  if (!fd_) {
    lost_.fetch_add(lines, std::memory_order_relaxed);
    return;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    if (!regular_ && !wait_writable()) return lose(lines, "nobody reads it");
    const size_t piece = regular_ ? rest.size() : piece_of(rest);
    const ssize_t written = ::write(fd_.get(), rest.data(), piece);
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return lose(lines, system_error("write").message);
    }
  }
  set_trouble({});
}

/// Whole lines, so that they do not mix with those of another writer.
size_t AccessLog::piece_of(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text.size();
  const size_t end = text.substr(0, PIPE_BUF).rfind('\n');
  return end == std::string_view::npos ? PIPE_BUF : end + 1;
}

/// False when it stays full while others wait: rings would overflow, and a stop must not hang.
bool AccessLog::wait_writable() {
  const TimePoint give_up = Clock::now() + kLastWrite;
  while (Clock::now() < give_up) {
    pollfd waiting{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&waiting, 1, kStallMs) > 0) return true;
  }
  return false;
}

void AccessLog::lose(size_t lines, std::string why) {
  lost_.fetch_add(lines, std::memory_order_relaxed);
  set_trouble(std::move(why));
}

void AccessLog::set_trouble(std::string why) {
  if (!why.empty()) why = "access_log: " + why;
  {
    const std::lock_guard lock(mutex_);
    if (why == trouble_) return;
    trouble_ = why;
  }
  if (why.empty()) {
    log_.info("access", "the access log is written again");
  } else {
    log_.environment("access", "{}; lines are dropped and counted meanwhile", why);
  }
}

}  // namespace hapair::lbcore::observe
