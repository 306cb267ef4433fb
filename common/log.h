// Log lines for operators: `subsystem: what happened`, one line each, the level says who erred.
//
//   info         a state change or a milestone, nothing wrong
//   remote       somebody else sent something wrong (rate-limit these with RateLimit)
//   environment  this machine refused something: a socket, a file, a limit
//   bug          our own fault; aborts in debug builds
//
// Lines go through a bounded ring to a thread of their own that writes standard error: a stalled
// disk or pipe never delays a caller (DESIGN invariant 2). When the ring is full, lines are dropped
// and the number is logged afterwards. Under a journal (JOURNAL_STREAM set) lines carry the syslog
// level as `<N>`, else a UTC time stamp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace hapair {

class Logger {
 public:
  enum class Level : uint8_t { debug, info, remote, environment, bug };

  /// `program` prefixes each line. Threads do not survive fork(): build one Logger per process,
  /// after the fork. Returns when the writer waits for its first line.
  explicit Logger(std::string program, Level least = Level::info);
  ~Logger();  // writes what is still queued
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /// Hold it over a fork(): as long as it lives the writer takes no lock that the child would find
  /// taken for ever (the allocator's, say). Returns at once but for lines that are being put
  /// together; a stalled standard error does not delay it.
  [[nodiscard]] std::unique_lock<std::mutex> keep_writer_still();

  template <typename... Args>
  void debug(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    if (least_ <= Level::debug)
      write(Level::debug, subsystem, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    if (least_ <= Level::info)
      write(Level::info, subsystem, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void remote(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::remote, subsystem, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void environment(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::environment, subsystem, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void bug(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::bug, subsystem, fmt::format(format, std::forward<Args>(args)...));
    abort_in_debug();
  }

 private:
  void write(Level level, std::string_view subsystem, std::string_view text);
  void abort_in_debug();
  void drain();

  std::string program_;
  Level least_;
  bool journal_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable stilled_;
  bool still_ = false;  // the writer waits, or writes to standard error
  std::vector<std::string> queue_;
  uint64_t dropped_ = 0;
  bool closing_ = false;
  std::thread writer_;  // last: started when everything above exists
};

}  // namespace hapair
