// What one connection remembers of its own course, for the histograms and the access log: when each
// phase ended, how many bytes went each way, and who ended it in which phase. Pure: time is an
// argument. Part of every Connection, so it stays small (48 bytes); microseconds since the
// acceptance are kept in 32 bits, which an hour fits into.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "common/clock.h"

namespace hapair::lbcore::observe {

/// Who ended a connection: the first letter of its termination state (lbcore(8)).
enum class EndedBy : char {
  both = '-',            // an orderly end of both sides
  client = 'C',          // it reset, or left before it was served
  server = 'S',          // it refused or reset
  client_silence = 'c',  // nothing came from the client within a time limit
  server_silence = 's',  // the server did not accept, or nothing came from it, within a time limit
  no_server = 'N',       // none is up
  limit = 'L',           // a configured limit
  resource = 'R',        // this machine ran out of descriptors, ports or memory
  stop = 'K',            // lbcore stopped, or an operator ended it
  move = 'M',            // it goes on at the other node, whose access log has its line
};

/// In which phase that was: the second letter.
enum class During : char {
  over = '-',       // after the last byte
  admission = 'A',  // before a server was looked for
  queue = 'Q',      // waiting for a server or for a descriptor
  connect = 'C',    // asking a server
  data = 'D',       // bytes went both ways
  last_data = 'L',  // one side had ended already
};

struct Termination {
  EndedBy by = EndedBy::both;
  During during = During::over;
};

class Trace {
 public:
  /// What it remembers beside its beginning and its end.
  struct Course {
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    uint32_t asked_us = 0;
    uint32_t connect_us = 0;
    uint32_t request_us = 0;  // when the client's first bytes had been passed on
    uint32_t first_byte_us = 0;

    friend bool operator==(const Course&, const Course&) = default;
  };

  Trace() = default;
  explicit Trace(TimePoint accepted) : accepted_(accepted) {}
  /// Of a connection that another process or node has connected: goes on with its course.
  Trace(TimePoint accepted, const Course& course)
      : accepted_(accepted), course_(course), connected_(true) {}

  /// A server is asked. The last one counts.
  void asked(TimePoint now) { course_.asked_us = since_accepted(now); }
  /// It has accepted; how long it took.
  uint32_t connected(TimePoint now) {
    connected_ = true;
    const uint32_t at = since_accepted(now);
    course_.connect_us = at > course_.asked_us ? at - course_.asked_us : 0;
    course_.request_us = at;
    return course_.connect_us;
  }
  void from_client(size_t bytes, TimePoint now) {
    if (course_.bytes_in == 0 && course_.bytes_out == 0)
      course_.request_us = std::max(course_.request_us, since_accepted(now));
    course_.bytes_in += bytes;
  }
  /// True for the first bytes of the server: first_byte_us() is known now.
  bool from_server(size_t bytes, TimePoint now) {
    const bool first = course_.bytes_out == 0;
    course_.bytes_out += bytes;
    if (first) {
      const uint32_t at = since_accepted(now);
      course_.first_byte_us = at > course_.request_us ? at - course_.request_us : 0;
    }
    return first;
  }
  /// The first word counts: what comes after it is only the clearing up.
  void ended(EndedBy by, During during) {
    if (ended_) return;
    ended_ = true;
    end_ = {by, during};
  }

  [[nodiscard]] TimePoint accepted() const { return accepted_; }
  [[nodiscard]] bool is_connected() const { return connected_; }
  /// From the acceptance until the last server was asked: waiting, and attempts that failed.
  [[nodiscard]] uint32_t queue_us() const { return course_.asked_us; }
  [[nodiscard]] uint64_t lasted_us(TimePoint now) const {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - accepted_).count();
    return us > 0 ? static_cast<uint64_t>(us) : 0;
  }
  [[nodiscard]] uint32_t connect_us() const { return course_.connect_us; }
  [[nodiscard]] uint32_t first_byte_us() const { return course_.first_byte_us; }
  [[nodiscard]] uint64_t bytes_in() const { return course_.bytes_in; }
  [[nodiscard]] uint64_t bytes_out() const { return course_.bytes_out; }
  [[nodiscard]] Termination end() const { return end_; }
  [[nodiscard]] const Course& course() const { return course_; }

 private:
  [[nodiscard]] uint32_t since_accepted(TimePoint now) const {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - accepted_).count();
    return static_cast<uint32_t>(std::clamp<int64_t>(us, 0, UINT32_MAX));
  }

  TimePoint accepted_{};
  Course course_;
  Termination end_;
  bool connected_ = false;
  bool ended_ = false;
};
static_assert(sizeof(Trace) <= 48);

}  // namespace hapair::lbcore::observe
