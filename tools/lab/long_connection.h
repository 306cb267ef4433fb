// A client of the lab whose one connection lasts: a download at a steady pace whose checksum is
// compared at its end, or a dialogue that asks a short question again and again. What it notices of
// a failover: that the connection ends, that a byte is wrong, or how long it had to wait.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"

struct XXH64_state_s;

namespace hapair::lab {

class LongConnection {
 public:
  struct Plan {
    IpAddress source;
    Endpoint target;
    uint64_t bytes = 0;          // of the download; 0: a dialogue
    uint64_t bytes_per_s = 0;    // of the download
    Duration ask_every = 100ms;  // of the dialogue: from one answer to the next question
  };
  enum class State : uint8_t {
    running,
    complete,     // the download, and its checksum is right
    wrong_bytes,  // its checksum is not right
    refused,      // nobody listened
    reset,
    cut_short,  // ended before the answer did
  };
  static std::string_view name(State state);

  /// Connects at once.
  LongConnection(EventLoop& loop, const Plan& plan);
  ~LongConnection();
  LongConnection(const LongConnection&) = delete;
  LongConnection& operator=(const LongConnection&) = delete;

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }      // of bodies
  [[nodiscard]] uint64_t answers() const { return answers_; }  // of the dialogue
  /// The longest that it had to wait for bytes that were due, since mark(); the wait that lasts
  /// counts.
  [[nodiscard]] Duration longest_wait(TimePoint now) const;
  void mark(TimePoint now);
  /// The dialogue's next question now; nothing while it waits for an answer, or is over.
  void ask_now();
  /// When it stopped running.
  [[nodiscard]] TimePoint ended_at() const { return ended_at_; }

 private:
  void on_ready(ev::io& watcher, int events);
  void ask();
  void read();
  /// What has arrived, in order.
  void take(std::string_view bytes);
  void take_body(std::string_view bytes);
  void answered();
  void end(State state);

  EventLoop& loop_;
  Plan plan_;
  UniqueFd fd_;
  bool connected_ = false;
  State state_ = State::running;
  std::string head_;  // of the answer, until it is whole
  bool in_body_ = false;
  uint64_t body_left_ = 0;
  std::string checksum_;  // that the server has announced
  uint64_t bytes_ = 0;
  uint64_t answers_ = 0;
  bool waits_ = true;  // for bytes that are due
  TimePoint waits_since_;
  Duration longest_{0};
  TimePoint ended_at_{};
  std::unique_ptr<XXH64_state_s, int (*)(XXH64_state_s*)> sum_;
  Deadline next_question_;
  ev::io io_;
};

}  // namespace hapair::lab
