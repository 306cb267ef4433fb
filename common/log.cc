#include "common/log.h"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <unistd.h>

namespace hapair {

namespace {

constexpr size_t kRingLines = 1024;

// What the level means to syslog: info, debug, warning for what others did, error for this machine,
// critical for us.
int syslog_level(Logger::Level level) {
  switch (level) {
    case Logger::Level::debug:
      return 7;
    case Logger::Level::info:
      return 6;
    case Logger::Level::remote:
      return 4;
    case Logger::Level::environment:
      return 3;
    case Logger::Level::bug:
      return 2;
  }
  return 6;
}

std::string_view level_name(Logger::Level level) {
  switch (level) {
    case Logger::Level::debug:
      return "debug";
    case Logger::Level::info:
      return "info";
    case Logger::Level::remote:
      return "remote";
    case Logger::Level::environment:
      return "environment";
    case Logger::Level::bug:
      return "bug";
  }
  return "";
}

std::string utc_stamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros % 1'000'000);
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads our log: there is no one left to tell
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

Logger::Logger(std::string program, Level least)
    : program_(std::move(program)),
      least_(least),
      journal_(std::getenv("JOURNAL_STREAM") != nullptr),
      writer_([this] { drain(); }) {
  (void)keep_writer_still();
}

Logger::~Logger() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

std::unique_lock<std::mutex> Logger::keep_writer_still() {
  std::unique_lock lock(mutex_);
  stilled_.wait(lock, [this] { return still_; });
  return lock;
}

void Logger::write(Level level, std::string_view subsystem, std::string_view text) {
  std::string line = journal_ ? fmt::format("<{}>{}: {}\n", syslog_level(level), subsystem, text)
                              : fmt::format("{} {}[{}] {}: {}: {}\n", utc_stamp(), program_,
                                            ::getpid(), level_name(level), subsystem, text);
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kRingLines) {
      ++dropped_;
      return;
    }
    queue_.push_back(std::move(line));
  }
  wake_.notify_one();
}

void Logger::abort_in_debug() {
#ifndef NDEBUG
  // Let the writer finish the line that says why.
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable() && writer_.get_id() != std::this_thread::get_id()) writer_.join();
  std::abort();
#endif
}

void Logger::drain() {
  std::unique_lock lock(mutex_);
  const auto stand_still = [this](bool still) {
    still_ = still;
    if (still) stilled_.notify_all();
  };
  while (true) {
    stand_still(true);
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    stand_still(false);
    std::vector<std::string> lines;
    lines.swap(queue_);
    const uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    std::string text;
    for (const std::string& line : lines) text += line;
    if (dropped > 0)
      text +=
          fmt::format("{} log lines were dropped: standard error was not read in time\n", dropped);
    lock.lock();
    stand_still(true);
    lock.unlock();
    write_all(text);
    lock.lock();
    stand_still(false);  // what it wrote is given back
  }
}

}  // namespace hapair
