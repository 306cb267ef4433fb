// The access log: one line per connection at its end. Workers put records into rings (one each) and
// never wait; a thread of its own makes lines of them and writes them, ten times a second or when a
// ring is half full. What cannot be written (a full disk, a reader that stopped) is dropped,
// counted and shown as trouble, and never slows a connection.
//
// A file is opened for appending and opened again by reopen(), after it was renamed. Owned by
// Balancer, which outlives the workers; main thread but where said.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/log.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/observe/access_line.h"
#include "lbcore/observe/access_ring.h"

namespace hapair::lbcore::observe {

class AccessLog {
 public:
  AccessLog(Logger& log, size_t workers);
  ~AccessLog();  // writes what is in the rings, unless that takes longer than a second
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Writes there from now on; records made so far may go to either.
  void configure(const AccessLogSettings& settings);
  /// Opens the file by its name again.
  void reopen();

  /// That worker's own.
  AccessRing& ring(size_t worker) { return *rings_[worker]; }
  /// Any thread: a ring is half full.
  void hurry() { wake_.notify_one(); }

  [[nodiscard]] uint64_t lines() const;
  [[nodiscard]] uint64_t dropped() const;
  /// Why nothing is written although it should be, or empty.
  [[nodiscard]] std::string trouble() const;

 private:
  void run();
  void drain(AccessFormat format, std::string& text);
  void open(const AccessLogSettings& settings);
  void write(const std::string& text, size_t lines);
  static size_t piece_of(std::string_view text);
  bool wait_writable();
  void lose(size_t lines, std::string why);
  void set_trouble(std::string why);

  Logger& log_;
  std::vector<std::unique_ptr<AccessRing>> rings_;
  std::atomic<uint64_t> lost_{0};

  mutable std::mutex mutex_;  // what follows
  std::condition_variable wake_;
  AccessLogSettings settings_;
  bool open_again_ = false;
  bool stopping_ = false;
  std::string trouble_;

  // The writer's.
  UniqueFd fd_;
  bool regular_ = false;
  std::thread writer_;  // last; runs from the first configure() with a target
};

}  // namespace hapair::lbcore::observe
