// What the clients of the lab have experienced: every request's outcome, the server of every
// session, and the times without any answer. Pure: time is an argument. `traffic` feeds it, reports
// and the demo's figures come from it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/clock.h"
#include "tools/lab/http_request.h"

namespace hapair::lab {

class ClientLog {
 public:
  /// Everything is counted from here on; sessions keep the server that they have.
  void mark(TimePoint now);

  void probed(const HttpRequest::Answer& answer, TimePoint now);
  size_t add_session();  // its number
  void session_answered(size_t session, const HttpRequest::Answer& answer, TimePoint now);

  struct Report {
    Duration since_mark{0};
    Duration outage{
        0};  // the longest time without an answered probe that touches the time since the mark
    size_t windows = 0;     // how many times longer than kNoticeable were there
    uint64_t requests = 0;  // of sessions
    uint64_t failed = 0;
    std::array<uint64_t, HttpRequest::kOutcomes> outcomes{};
    uint64_t delayed = 0;  // answered, but slower than kSlow
    size_t sessions = 0;
    size_t kept = 0;     // answered since the mark, always by the server they had before
    size_t changed = 0;  // answered at least once by another one
    size_t fresh = 0;    // had no server before the mark
    size_t silent = 0;   // not answered since the mark
    std::map<std::string, size_t> servers = {};  // sessions per server
    std::string via = {};                        // node address behind the last answered probe
  };
  static constexpr Duration kNoticeable = 20ms;
  static constexpr Duration kSlow = 500ms;
  [[nodiscard]] Report report(TimePoint now) const;
  /// Sessions without an answer since the mark.
  [[nodiscard]] size_t silent() const;
  /// When a probe was answered last.
  [[nodiscard]] TimePoint last_answer() const { return last_probe_answer_; }

 private:
  struct Session {
    std::string server;     // of the last answer
    std::string at_mark;    // "" for one that is younger than the mark
    bool answered = false;  // since the mark
    bool changed = false;   // since the mark
  };

  void gap_ends(TimePoint now);

  TimePoint mark_{};
  TimePoint last_probe_answer_{};
  Duration longest_gap_{0};
  size_t windows_ = 0;
  uint64_t requests_ = 0;
  uint64_t delayed_ = 0;
  std::array<uint64_t, HttpRequest::kOutcomes> outcomes_{};
  std::vector<Session> sessions_;
  std::string via_;
};

}  // namespace hapair::lab
